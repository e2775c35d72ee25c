namespace QedVd.TestKit;

/// <summary>
/// A storage on a <see cref="SimulatedFile"/>: faults, gates, trace and crash states are the file's. An image that is given it disposes it at its
/// close; <see cref="SimulatedFile.Open"/> makes the next one.
/// </summary>
public sealed class SimulatedStorage : IImageStorage
{
    private readonly int _fenceCount;
    private int _disposed;

    /// <summary>A storage on a new, empty file of its own.</summary>
    public SimulatedStorage()
        : this(new SimulatedFile())
    {
    }

    /// <summary>A storage on a file.</summary>
    public SimulatedStorage(SimulatedFile file, bool isReadOnly = false)
    {
        ArgumentNullException.ThrowIfNull(file);
        File = file;
        IsReadOnly = isReadOnly;
        EarlierFence = file.Fence;
        _fenceCount = file.OpenHandle();
    }

    /// <summary>The file.</summary>
    public SimulatedFile File { get; }

    /// <inheritdoc/>
    public string Name => File.Name;

    /// <inheritdoc/>
    public StorageFacts Facts => File.Facts;

    /// <inheritdoc/>
    public StorageIdentity Identity => File.Identity;

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <inheritdoc/>
    public StorageFence? EarlierFence { get; }

    /// <summary>Whether it was disposed.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <inheritdoc/>
    public long GetLength()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return File.LengthBytes;
    }

    /// <inheritdoc/>
    public long GetAllocatedBytes() => File.AllocatedBytes();

    /// <inheritdoc/>
    public StorageExtent GetExtent(long offset)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return File.GetExtent(offset);
    }

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer)
    {
        SimulatedFile.Ticket ticket = Begin(StorageOperationKind.Read, offset, buffer.Length);
        Wait(ticket.Before);
        int read = File.ApplyRead(ticket, buffer);
        Wait(ticket.After);
        return read;
    }

    /// <inheritdoc/>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SimulatedFile.Ticket ticket = Begin(StorageOperationKind.Read, offset, buffer.Length);
        await WaitAsync(ticket.Before);
        int read = File.ApplyRead(ticket, buffer.Span);
        await WaitAsync(ticket.After, isSecond: true);
        return read;
    }

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        SimulatedFile.Ticket ticket = BeginChange(StorageOperationKind.Write, offset, buffer.Length);
        Wait(ticket.Before);
        File.ApplyWrite(ticket, buffer);
        Wait(ticket.After);
    }

    /// <inheritdoc/>
    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SimulatedFile.Ticket ticket = BeginChange(StorageOperationKind.Write, offset, buffer.Length);
        await WaitAsync(ticket.Before);
        File.ApplyWrite(ticket, buffer.Span);
        await WaitAsync(ticket.After, isSecond: true);
    }

    /// <inheritdoc/>
    public void SetLength(long lengthBytes)
    {
        SimulatedFile.Ticket ticket = BeginSetLength(lengthBytes);
        Wait(ticket.Before);
        File.ApplySetLength(ticket);
        Wait(ticket.After);
    }

    /// <inheritdoc/>
    public async ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SimulatedFile.Ticket ticket = BeginSetLength(lengthBytes);
        await WaitAsync(ticket.Before);
        File.ApplySetLength(ticket);
        await WaitAsync(ticket.After, isSecond: true);
    }

    /// <inheritdoc/>
    public void Barrier()
    {
        SimulatedFile.Ticket ticket = Begin(StorageOperationKind.Barrier, 0, 0);
        Wait(ticket.Before);
        File.ApplyBarrier(ticket);
        Wait(ticket.After);
    }

    /// <inheritdoc/>
    public async ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SimulatedFile.Ticket ticket = Begin(StorageOperationKind.Barrier, 0, 0);
        await WaitAsync(ticket.Before);
        File.ApplyBarrier(ticket);
        await WaitAsync(ticket.After, isSecond: true);
    }

    /// <inheritdoc/>
    public void PunchHole(long offset, long lengthBytes)
    {
        SimulatedFile.Ticket ticket = BeginPunchHole(offset, lengthBytes);
        Wait(ticket.Before);
        File.ApplyPunchHole(ticket);
        Wait(ticket.After);
    }

    /// <inheritdoc/>
    public async ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SimulatedFile.Ticket ticket = BeginPunchHole(offset, lengthBytes);
        await WaitAsync(ticket.Before);
        File.ApplyPunchHole(ticket);
        await WaitAsync(ticket.After, isSecond: true);
    }

    /// <inheritdoc/>
    public void Allocate(long offset, long lengthBytes)
    {
        SimulatedFile.Ticket ticket = BeginChange(StorageOperationKind.Allocate, offset, lengthBytes);
        Wait(ticket.Before);
        File.ApplyAllocate(ticket);
        Wait(ticket.After);
    }

    /// <inheritdoc/>
    public async ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SimulatedFile.Ticket ticket = BeginChange(StorageOperationKind.Allocate, offset, lengthBytes);
        await WaitAsync(ticket.Before);
        File.ApplyAllocate(ticket);
        await WaitAsync(ticket.After, isSecond: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            File.CloseHandle();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    /// <summary>Begins a barrier, which covers what has taken effect by now; what is returned ends it.</summary>
    internal Action BeginBarrier()
    {
        SimulatedFile.Ticket ticket = Begin(StorageOperationKind.Barrier, 0, 0);
        return () => File.ApplyBarrier(ticket);
    }

    private SimulatedFile.Ticket BeginSetLength(long lengthBytes) =>
        (Facts & StorageFacts.CanSetLength) != 0
            ? BeginChange(StorageOperationKind.SetLength, lengthBytes, 0)
            : throw ImageException.NotSupported("setting the length", Name);

    private SimulatedFile.Ticket BeginPunchHole(long offset, long lengthBytes) =>
        (Facts & StorageFacts.CanPunchHoles) != 0
            ? BeginChange(StorageOperationKind.PunchHole, offset, lengthBytes)
            : throw ImageException.NotSupported("punching holes", Name);

    private SimulatedFile.Ticket BeginChange(StorageOperationKind kind, long offset, long lengthBytes)
    {
        if (IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: open for reading only.", Name, kind.ToString(), offset);
        }

        return Begin(kind, offset, lengthBytes);
    }

    private SimulatedFile.Ticket Begin(StorageOperationKind kind, long offset, long lengthBytes)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return File.Begin(kind, offset, lengthBytes, _fenceCount);
    }

    private static void Wait(StorageGate? gate)
    {
        if (gate is not null)
        {
            SyncIo.Block(gate.EnterAsync());
        }
    }

    private async ValueTask WaitAsync(StorageGate? gate, bool isSecond = false)
    {
        if (gate is not null)
        {
            await gate.EnterAsync();
        }
        else if (!isSecond && !File.CompletesInline)
        {
            await Task.Yield();
        }
    }
}
