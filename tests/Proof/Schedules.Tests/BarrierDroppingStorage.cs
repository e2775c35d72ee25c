namespace QedVd.Schedules.Tests;

/// <summary>A storage that says of some barriers that they have completed, and does nothing.</summary>
/// <param name="inner">Does all the rest.</param>
/// <param name="drops">Whether the barrier of this number, from 0, is dropped.</param>
internal sealed class BarrierDroppingStorage(IImageStorage inner, Func<int, bool> drops) : IImageStorage
{
    private int _barriers;

    public string Name => inner.Name;

    public StorageFacts Facts => inner.Facts;

    public StorageIdentity Identity => inner.Identity;

    public bool IsReadOnly => inner.IsReadOnly;

    public StorageFence? EarlierFence => inner.EarlierFence;

    public long GetLength() => inner.GetLength();

    public long GetAllocatedBytes() => inner.GetAllocatedBytes();

    public StorageExtent GetExtent(long offset) => inner.GetExtent(offset);

    public int Read(long offset, Span<byte> buffer) => inner.Read(offset, buffer);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(offset, buffer, cancellationToken);

    public void Write(long offset, ReadOnlySpan<byte> buffer) => inner.Write(offset, buffer);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(offset, buffer, cancellationToken);

    public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => inner.SetLengthAsync(lengthBytes, cancellationToken);

    public void Barrier()
    {
        if (!drops(_barriers++))
        {
            inner.Barrier();
        }
    }

    public ValueTask BarrierAsync(CancellationToken cancellationToken = default) => drops(_barriers++) ? default : inner.BarrierAsync(cancellationToken);

    public void PunchHole(long offset, long lengthBytes) => inner.PunchHole(offset, lengthBytes);

    public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => inner.PunchHoleAsync(offset, lengthBytes, cancellationToken);

    public void Allocate(long offset, long lengthBytes) => inner.Allocate(offset, lengthBytes);

    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => inner.AllocateAsync(offset, lengthBytes, cancellationToken);

    public void Dispose() => inner.Dispose();

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
