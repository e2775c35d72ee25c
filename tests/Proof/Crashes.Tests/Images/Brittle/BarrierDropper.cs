namespace QedVd.Crashes.Tests.Images.Brittle;

/// <summary>A storage that says of some barriers that they have completed, and has not even begun them.</summary>
internal sealed class BarrierDropper(IImageStorage inner, Func<int, bool> isDropped) : IImageStorage
{
    private int _barriers;

    public string Name => inner.Name;

    public StorageFacts Facts => inner.Facts;

    public StorageIdentity Identity => inner.Identity;

    public bool IsReadOnly => inner.IsReadOnly;

    public long GetLength() => inner.GetLength();

    public long GetAllocatedBytes() => inner.GetAllocatedBytes();

    public int Read(long offset, Span<byte> buffer) => inner.Read(offset, buffer);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(offset, buffer, cancellationToken);

    public void Write(long offset, ReadOnlySpan<byte> buffer) => inner.Write(offset, buffer);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(offset, buffer, cancellationToken);

    public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => inner.SetLengthAsync(lengthBytes, cancellationToken);

    public void PunchHole(long offset, long lengthBytes) => inner.PunchHole(offset, lengthBytes);

    public void Allocate(long offset, long lengthBytes) => inner.Allocate(offset, lengthBytes);

    public StorageExtent GetExtent(long offset) => inner.GetExtent(offset);

    public void Barrier()
    {
        if (!isDropped(_barriers++))
        {
            inner.Barrier();
        }
    }

    public ValueTask BarrierAsync(CancellationToken cancellationToken = default) =>
        isDropped(_barriers++) ? default : inner.BarrierAsync(cancellationToken);

    public void Dispose() => inner.Dispose();

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
