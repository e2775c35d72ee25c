namespace QedVd.Backends.Qed;

/// <summary>A run of the disk that the tables describe in one way.</summary>
/// <param name="Kind">Free, zero, or data.</param>
/// <param name="LengthBytes">Length from the offset asked for.</param>
/// <param name="StorageOffset">Data: where the run lies in the storage, as one piece.</param>
internal readonly record struct MapRun(ExtentKind Kind, long LengthBytes, long StorageOffset = Extent.NoOffset);
