namespace QedVd;

/// <summary>A run of the disk that the image answers in one way.</summary>
/// <param name="Kind">What the image says of the run.</param>
/// <param name="LengthBytes">Length from the offset asked for, at least 1 and at most the length asked for.</param>
/// <param name="StorageOffset">Where the run lies in the image's storage as one piece, or <see cref="NoOffset"/>.</param>
/// <param name="IsAllocated">Whether the run has a place in the image's storage. A <see cref="ExtentKind.Zero"/> run may have one too (a punched cluster).</param>
public readonly record struct Extent(ExtentKind Kind, long LengthBytes, long StorageOffset = Extent.NoOffset, bool IsAllocated = false)
{
    /// <summary>The run has no single place in the storage.</summary>
    public const long NoOffset = -1;
}
