namespace QedVd.Host;

/// <summary>What an image would need that is made by a conversion. Told from maps, without reading data.</summary>
/// <param name="RequiredBytes">
/// The length of its file. What a conversion finds to be zero inside of data makes it shorter, and so does data that equals the parent's.
/// </param>
/// <param name="FullyAllocatedBytes">The length of its file once all of the disk has been written.</param>
public sealed record ImageMeasurement(long RequiredBytes, long FullyAllocatedBytes)
{
    /// <summary>What of <see cref="RequiredBytes"/> takes room on a volume that has holes.</summary>
    public long AllocatedBytes { get; init; }
}
