namespace QedVd.Host;

/// <summary>A storage that an image may use and close while its real owner keeps it open: a new file that has yet to get its name.</summary>
internal sealed class KeptOpenStorage(IImageStorage inner) : IImageStorage
{
    public string Name => inner.Name;

    public StorageFacts Facts => inner.Facts;

    public StorageIdentity Identity => inner.Identity;

    public bool IsReadOnly => inner.IsReadOnly;

    public StorageFence? EarlierFence => inner.EarlierFence;

    public long GetLength() => inner.GetLength();

    public long GetAllocatedBytes() => inner.GetAllocatedBytes();

    public int Read(long offset, Span<byte> buffer) => inner.Read(offset, buffer);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(offset, buffer, cancellationToken);

    public int Read(long offset, IReadOnlyList<Memory<byte>> buffers) => inner.Read(offset, buffers);

    public ValueTask<int> ReadAsync(long offset, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(offset, buffers, cancellationToken);

    public void Write(long offset, ReadOnlySpan<byte> buffer) => inner.Write(offset, buffer);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(offset, buffer, cancellationToken);

    public void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers) => inner.Write(offset, buffers);

    public ValueTask WriteAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(offset, buffers, cancellationToken);

    public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => inner.SetLengthAsync(lengthBytes, cancellationToken);

    public void Barrier() => inner.Barrier();

    public ValueTask BarrierAsync(CancellationToken cancellationToken = default) => inner.BarrierAsync(cancellationToken);

    public void PunchHole(long offset, long lengthBytes) => inner.PunchHole(offset, lengthBytes);

    public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) =>
        inner.PunchHoleAsync(offset, lengthBytes, cancellationToken);

    public void Allocate(long offset, long lengthBytes) => inner.Allocate(offset, lengthBytes);

    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) =>
        inner.AllocateAsync(offset, lengthBytes, cancellationToken);

    public StorageExtent GetExtent(long offset) => inner.GetExtent(offset);

    public long CopyRange(long sourceOffset, IImageStorage target, long targetOffset, long lengthBytes) =>
        inner.CopyRange(sourceOffset, target, targetOffset, lengthBytes);

    public void AdviseSequential() => inner.AdviseSequential();

    public void Dispose()
    {
    }

    public ValueTask DisposeAsync() => default;
}
