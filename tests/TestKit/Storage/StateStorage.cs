namespace QedVd.TestKit;

/// <summary>
/// A storage straight on the bytes of a file that keeps no trace, for one thread, that answers so many times and no more: thousands of states are opened in a
/// second, and nobody asks what is done to them but how many changes there were. No faults, no gates.
/// </summary>
internal sealed class StateStorage : IImageStorage
{
    private readonly SimulatedFile _file;
    private readonly SparseBytes _content;
    private readonly long _budget;
    private long _used;
    private bool _isDisposed;

    public StateStorage(SimulatedFile file, long budget, bool isReadOnly)
    {
        if (file.KeepsTrace)
        {
            throw new InvalidOperationException($"{file.Name}: what is done to it would be missing in its trace.");
        }

        _file = file;
        _content = file.Content;
        _budget = budget;
        IsReadOnly = isReadOnly;
    }

    public string Name => _file.Name;

    public StorageFacts Facts => _file.Facts;

    public StorageIdentity Identity => _file.Identity;

    public bool IsReadOnly { get; }

    public long GetLength()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return _content.LengthBytes;
    }

    public long GetAllocatedBytes() => _content.AllocatedBytes;

    public StorageExtent GetExtent(long offset)
    {
        Spend();
        return (Facts & StorageFacts.CanMapHoles) != 0 ? _content.GetExtent(offset) : new StorageExtent(Math.Max(0, _content.LengthBytes - offset), IsHole: false);
    }

    public int Read(long offset, Span<byte> buffer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        Spend();
        return _content.Read(offset, buffer);
    }

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<int>(Read(offset, buffer.Span));
    }

    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        Change(StorageOperationKind.Write, offset);
        _content.Write(offset, buffer);
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Write(offset, buffer.Span);
        return default;
    }

    public void SetLength(long lengthBytes)
    {
        Require(StorageFacts.CanSetLength, "setting the length");
        Change(StorageOperationKind.SetLength, lengthBytes);
        _content.SetLength(lengthBytes);
    }

    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SetLength(lengthBytes);
        return default;
    }

    public void Barrier() => Spend();

    public ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Spend();
        return default;
    }

    public void PunchHole(long offset, long lengthBytes)
    {
        Require(StorageFacts.CanPunchHoles, "punching holes");
        Change(StorageOperationKind.PunchHole, offset);
        _content.PunchHole(offset, lengthBytes);
    }

    public void Allocate(long offset, long lengthBytes)
    {
        Change(StorageOperationKind.Allocate, offset);
        _content.Allocate(offset, lengthBytes);
    }

    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Allocate(offset, lengthBytes);
        return default;
    }

    public void Dispose() => _isDisposed = true;

    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    private void Require(StorageFacts fact, string what)
    {
        if ((Facts & fact) == 0)
        {
            throw ImageException.NotSupported(what, Name);
        }
    }

    private void Change(StorageOperationKind kind, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (IsReadOnly)
        {
            _file.CountUntraced(kind);
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: open for reading only.", Name, kind.ToString(), offset);
        }

        Spend();
        _file.CountUntraced(kind);
    }

    private void Spend()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (++_used > _budget)
        {
            throw new StorageBudgetException($"more than {_budget} operations of the storage");
        }
    }
}
