namespace QedVd.Host.Tests.Faults;

/// <summary>A storage that can share blocks, as files on xfs and btrfs do; all, some or none of what it is asked for, or with an error.</summary>
internal sealed class SharingStorage(IImageStorage inner, SharingStorage.Way way) : IImageStorage
{
    internal enum Way
    {
        All,
        Half,
        Nothing,
        Error,
        NoRoom,
    }

    /// <summary>How often it was asked.</summary>
    public int Calls { get; private set; }

    public string Name => inner.Name;

    public StorageFacts Facts => inner.Facts | StorageFacts.CanCopyRange | StorageFacts.CanShareBlocks;

    public StorageIdentity Identity => inner.Identity;

    public bool IsReadOnly => inner.IsReadOnly;

    public long GetLength() => inner.GetLength();

    public StorageExtent GetExtent(long offset) => inner.GetExtent(offset);

    public int Read(long offset, Span<byte> buffer) => inner.Read(offset, buffer);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(offset, buffer, cancellationToken);

    public void Write(long offset, ReadOnlySpan<byte> buffer) => inner.Write(offset, buffer);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(offset, buffer, cancellationToken);

    public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => inner.SetLengthAsync(lengthBytes, cancellationToken);

    public void Barrier() => inner.Barrier();

    public ValueTask BarrierAsync(CancellationToken cancellationToken = default) => inner.BarrierAsync(cancellationToken);

    public void PunchHole(long offset, long lengthBytes) => inner.PunchHole(offset, lengthBytes);

    public long CopyRange(long sourceOffset, IImageStorage target, long targetOffset, long lengthBytes)
    {
        Calls++;
        long count = way switch
        {
            Way.All => lengthBytes,
            Way.Half => lengthBytes / 2,
            Way.Nothing => 0,
            Way.Error => throw new ImageException(ImageErrorKind.Io, $"{Name}: no sharing, says the test.", Name, "copy range"),
            _ => throw new ImageException(ImageErrorKind.OutOfSpace, $"{Name}: no room, says the test.", Name, "copy range"),
        };
        byte[] bytes = new byte[count];
        target.Write(targetOffset, bytes.AsSpan(0, inner.Read(sourceOffset, bytes)));
        return count;
    }

    public void Dispose() => inner.Dispose();

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
