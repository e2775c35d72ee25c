namespace QedVd.TestKit;

/// <summary>A storage that passes everything on to another one: for those that do one thing otherwise.</summary>
/// <remarks>As thread safe as the other one, which it disposes with itself.</remarks>
public abstract class ForwardingStorage : IImageStorage
{
    /// <param name="inner">Does the work.</param>
    protected ForwardingStorage(IImageStorage inner) => Inner = inner ?? throw new ArgumentNullException(nameof(inner));

    /// <inheritdoc/>
    public virtual string Name => Inner.Name;

    /// <inheritdoc/>
    public virtual StorageFacts Facts => Inner.Facts;

    /// <inheritdoc/>
    public StorageIdentity Identity => Inner.Identity;

    /// <inheritdoc/>
    public bool IsReadOnly => Inner.IsReadOnly;

    /// <inheritdoc/>
    public StorageFence? EarlierFence => Inner.EarlierFence;

    /// <summary>The one that does the work.</summary>
    protected IImageStorage Inner { get; }

    /// <inheritdoc/>
    public long GetLength() => Inner.GetLength();

    /// <inheritdoc/>
    public long GetAllocatedBytes() => Inner.GetAllocatedBytes();

    /// <inheritdoc/>
    public StorageExtent GetExtent(long offset) => Inner.GetExtent(offset);

    /// <inheritdoc/>
    public virtual int Read(long offset, Span<byte> buffer) => Inner.Read(offset, buffer);

    /// <inheritdoc/>
    public virtual ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => Inner.ReadAsync(offset, buffer, cancellationToken);

    /// <inheritdoc/>
    public virtual void Write(long offset, ReadOnlySpan<byte> buffer) => Inner.Write(offset, buffer);

    /// <inheritdoc/>
    public virtual ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => Inner.WriteAsync(offset, buffer, cancellationToken);

    /// <inheritdoc/>
    public void SetLength(long lengthBytes) => Inner.SetLength(lengthBytes);

    /// <inheritdoc/>
    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => Inner.SetLengthAsync(lengthBytes, cancellationToken);

    /// <inheritdoc/>
    public virtual void Barrier() => Inner.Barrier();

    /// <inheritdoc/>
    public virtual ValueTask BarrierAsync(CancellationToken cancellationToken = default) => Inner.BarrierAsync(cancellationToken);

    /// <inheritdoc/>
    public void PunchHole(long offset, long lengthBytes) => Inner.PunchHole(offset, lengthBytes);

    /// <inheritdoc/>
    public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => Inner.PunchHoleAsync(offset, lengthBytes, cancellationToken);

    /// <inheritdoc/>
    public void Allocate(long offset, long lengthBytes) => Inner.Allocate(offset, lengthBytes);

    /// <inheritdoc/>
    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => Inner.AllocateAsync(offset, lengthBytes, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        Inner.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Inner.DisposeAsync();
    }
}
