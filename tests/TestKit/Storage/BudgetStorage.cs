namespace QedVd.TestKit;

/// <summary>A storage that answers so many times and no more: whoever goes round in circles is found without a clock.</summary>
/// <param name="file">What is read and written.</param>
/// <param name="budget">How many operations it answers; then it throws a <see cref="StorageBudgetException"/>.</param>
/// <param name="readOnly">Whether it is opened read-only.</param>
public sealed class BudgetStorage(SimulatedFile file, long budget, bool readOnly = false) : IImageStorage
{
    private readonly SimulatedStorage _storage = file.Open(readOnly);

    /// <summary>Answers given.</summary>
    public long Used { get; private set; }

    /// <inheritdoc/>
    public string Name => _storage.Name;

    /// <inheritdoc/>
    public StorageFacts Facts => _storage.Facts;

    /// <inheritdoc/>
    public StorageIdentity Identity => _storage.Identity;

    /// <inheritdoc/>
    public bool IsReadOnly => _storage.IsReadOnly;

    /// <inheritdoc/>
    public long GetLength() => _storage.GetLength();

    /// <inheritdoc/>
    public long GetAllocatedBytes() => _storage.GetAllocatedBytes();

    /// <inheritdoc/>
    public StorageExtent GetExtent(long offset)
    {
        Spend();
        return _storage.GetExtent(offset);
    }

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer)
    {
        Spend();
        return _storage.Read(offset, buffer);
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.ReadAsync(offset, buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        Spend();
        _storage.Write(offset, buffer);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.WriteAsync(offset, buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public void SetLength(long lengthBytes)
    {
        Spend();
        _storage.SetLength(lengthBytes);
    }

    /// <inheritdoc/>
    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.SetLengthAsync(lengthBytes, cancellationToken);
    }

    /// <inheritdoc/>
    public void Barrier()
    {
        Spend();
        _storage.Barrier();
    }

    /// <inheritdoc/>
    public ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.BarrierAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void PunchHole(long offset, long lengthBytes)
    {
        Spend();
        _storage.PunchHole(offset, lengthBytes);
    }

    /// <inheritdoc/>
    public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.PunchHoleAsync(offset, lengthBytes, cancellationToken);
    }

    /// <inheritdoc/>
    public void Allocate(long offset, long lengthBytes)
    {
        Spend();
        _storage.Allocate(offset, lengthBytes);
    }

    /// <inheritdoc/>
    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.AllocateAsync(offset, lengthBytes, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _storage.Dispose();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    private void Spend()
    {
        if (++Used > budget)
        {
            throw new StorageBudgetException($"more than {budget} operations of the storage");
        }
    }
}
