namespace QedVd.TestKit;

/// <summary>
/// A storage whose asynchronous operations take effect, and complete, when a <see cref="Scheduler"/> says so; before a synchronous one, others may go on.
/// What lies beneath does its work synchronously, on the scheduler's thread.
/// </summary>
/// <remarks>A barrier over a <see cref="SimulatedStorage"/> covers what had taken effect when it was asked for, and nothing later: the least that the contract allows.</remarks>
public sealed class ScheduledStorage : IImageStorage
{
    private readonly Scheduler _scheduler;
    private readonly IImageStorage _inner;

    /// <summary>Takes a storage over, and disposes it when it is disposed.</summary>
    public ScheduledStorage(Scheduler scheduler, IImageStorage inner)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        ArgumentNullException.ThrowIfNull(inner);
        _scheduler = scheduler;
        _inner = inner;
    }

    /// <inheritdoc/>
    public string Name => _inner.Name;

    /// <inheritdoc/>
    public StorageFacts Facts => _inner.Facts;

    /// <inheritdoc/>
    public StorageIdentity Identity => _inner.Identity;

    /// <inheritdoc/>
    public bool IsReadOnly => _inner.IsReadOnly;

    /// <inheritdoc/>
    public StorageFence? EarlierFence => _inner.EarlierFence;

    /// <inheritdoc/>
    public long GetLength() => _inner.GetLength();

    /// <inheritdoc/>
    public long GetAllocatedBytes() => _inner.GetAllocatedBytes();

    /// <inheritdoc/>
    public StorageExtent GetExtent(long offset) => _inner.GetExtent(offset);

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer)
    {
        _scheduler.BeforeSynchronous("read (sync)", offset, buffer.Length);
        return _inner.Read(offset, buffer);
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<int>(_scheduler.Enqueue("read", offset, buffer.Length, () => _inner.Read(offset, buffer.Span)));
    }

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        _scheduler.BeforeSynchronous("write (sync)", offset, buffer.Length);
        _inner.Write(offset, buffer);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        Later("write", offset, buffer.Length, () => _inner.Write(offset, buffer.Span), cancellationToken);

    /// <inheritdoc/>
    public void SetLength(long lengthBytes)
    {
        _scheduler.BeforeSynchronous("set length (sync)", lengthBytes, 0);
        _inner.SetLength(lengthBytes);
    }

    /// <inheritdoc/>
    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) =>
        Later("set length", lengthBytes, 0, () => _inner.SetLength(lengthBytes), cancellationToken);

    /// <inheritdoc/>
    public void Barrier()
    {
        _scheduler.BeforeSynchronous("barrier (sync)", 0, 0);
        _inner.Barrier();
    }

    /// <inheritdoc/>
    public ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Later("barrier", 0, 0, (_inner as SimulatedStorage)?.BeginBarrier() ?? _inner.Barrier, cancellationToken);
    }

    /// <inheritdoc/>
    public void PunchHole(long offset, long lengthBytes)
    {
        _scheduler.BeforeSynchronous("punch (sync)", offset, lengthBytes);
        _inner.PunchHole(offset, lengthBytes);
    }

    /// <inheritdoc/>
    public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) =>
        Later("punch", offset, lengthBytes, () => _inner.PunchHole(offset, lengthBytes), cancellationToken);

    /// <inheritdoc/>
    public void Allocate(long offset, long lengthBytes)
    {
        _scheduler.BeforeSynchronous("allocate (sync)", offset, lengthBytes);
        _inner.Allocate(offset, lengthBytes);
    }

    /// <inheritdoc/>
    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) =>
        Later("allocate", offset, lengthBytes, () => _inner.Allocate(offset, lengthBytes), cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _inner.Dispose();

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    private ValueTask Later(string label, long offset, long lengthBytes, Action effect, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask(_scheduler.Enqueue(label, offset, lengthBytes, () =>
        {
            effect();
            return 0;
        }));
    }
}
