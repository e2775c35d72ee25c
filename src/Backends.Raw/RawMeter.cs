namespace QedVd.Backends.Raw;

/// <summary>A raw file has the length of its disk. It takes room for what is written to it, or for all of it at once.</summary>
internal sealed class RawMeter(long sizeBytes, bool takesRoom) : ImageMeter
{
    private const long VolumeBlockBytes = 4096;

    private long _volumeBlocks;
    private long _nextVolumeBlock;

    /// <inheritdoc/>
    public override long RequiredBytes => sizeBytes;

    /// <inheritdoc/>
    public override long AllocatedBytes => takesRoom ? sizeBytes : _volumeBlocks * VolumeBlockBytes;

    /// <inheritdoc/>
    public override long FullyAllocatedBytes => sizeBytes;

    /// <inheritdoc/>
    public override void Add(long offset, long lengthBytes, ExtentKind kind = ExtentKind.Data)
    {
        if (offset < 0 || lengthBytes < 0 || offset > sizeBytes - lengthBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{lengthBytes} bytes at {offset} are not inside the disk of {sizeBytes} bytes.");
        }

        if (lengthBytes > 0 && kind == ExtentKind.Data)
        {
            long last = (offset + lengthBytes - 1) / VolumeBlockBytes;
            _volumeBlocks += Math.Max(0, last + 1 - Math.Max(offset / VolumeBlockBytes, _nextVolumeBlock));
            _nextVolumeBlock = Math.Max(_nextVolumeBlock, last + 1);
        }
    }
}
