namespace QedVd.Host.Tests.Maintenance;

/// <summary>A storage that passes everything on, with a place to fail a write.</summary>
internal abstract class ForwardingStorage(IImageStorage inner) : IImageStorage
{
    public string Name => inner.Name;

    public StorageFacts Facts => inner.Facts;

    public StorageIdentity Identity => inner.Identity;

    public bool IsReadOnly => inner.IsReadOnly;

    public long GetLength() => inner.GetLength();

    public int Read(long offset, Span<byte> buffer) => inner.Read(offset, buffer);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(offset, buffer, cancellationToken);

    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        BeforeWrite();
        inner.Write(offset, buffer);
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        BeforeWrite();
        return inner.WriteAsync(offset, buffer, cancellationToken);
    }

    public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => inner.SetLengthAsync(lengthBytes, cancellationToken);

    public void Barrier() => inner.Barrier();

    public ValueTask BarrierAsync(CancellationToken cancellationToken = default) => inner.BarrierAsync(cancellationToken);

    public void Dispose() => inner.Dispose();

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    protected abstract void BeforeWrite();
}
