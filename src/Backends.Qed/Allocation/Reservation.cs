namespace QedVd.Backends.Qed;

/// <summary>Clusters of the storage that belong to one request until their entries are published, or they are given back.</summary>
/// <param name="Offset">Where they start.</param>
/// <param name="Clusters">How many, one behind the other.</param>
/// <param name="IsFresh">Whether they were never written and read as zero, so that a part of one may be written.</param>
internal readonly record struct Reservation(long Offset, int Clusters, bool IsFresh);
