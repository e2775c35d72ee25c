using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>A storage that answers so many times and no more: whoever goes round in circles is found without a clock.</summary>
internal sealed class BudgetStorage(SimulatedFile file, long budget, bool readOnly = false) : IImageStorage
{
    private readonly SimulatedStorage _storage = file.Open(readOnly);

    /// <summary>Answers given.</summary>
    public long Used { get; private set; }

    public string Name => _storage.Name;

    public StorageFacts Facts => _storage.Facts;

    public StorageIdentity Identity => _storage.Identity;

    public bool IsReadOnly => _storage.IsReadOnly;

    public long GetLength() => _storage.GetLength();

    public long GetAllocatedBytes() => _storage.GetAllocatedBytes();

    public StorageExtent GetExtent(long offset)
    {
        Spend();
        return _storage.GetExtent(offset);
    }

    public int Read(long offset, Span<byte> buffer)
    {
        Spend();
        return _storage.Read(offset, buffer);
    }

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.ReadAsync(offset, buffer, cancellationToken);
    }

    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        Spend();
        _storage.Write(offset, buffer);
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.WriteAsync(offset, buffer, cancellationToken);
    }

    public void SetLength(long lengthBytes)
    {
        Spend();
        _storage.SetLength(lengthBytes);
    }

    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.SetLengthAsync(lengthBytes, cancellationToken);
    }

    public void Barrier()
    {
        Spend();
        _storage.Barrier();
    }

    public ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.BarrierAsync(cancellationToken);
    }

    public void PunchHole(long offset, long lengthBytes)
    {
        Spend();
        _storage.PunchHole(offset, lengthBytes);
    }

    public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.PunchHoleAsync(offset, lengthBytes, cancellationToken);
    }

    public void Allocate(long offset, long lengthBytes)
    {
        Spend();
        _storage.Allocate(offset, lengthBytes);
    }

    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Spend();
        return _storage.AllocateAsync(offset, lengthBytes, cancellationToken);
    }

    public void Dispose() => _storage.Dispose();

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    private void Spend()
    {
        if (++Used > budget)
        {
            throw new WrongAnswerException($"more than {budget} operations of the storage");
        }
    }
}
