namespace QedVd.Cli.Tests.Faults;

/// <summary>A storage whose operations go wrong as <see cref="StorageFaults"/> says.</summary>
internal sealed class FaultedStorage(IImageStorage inner, StorageFaults faults) : IImageStorage
{
    private const int Sector = 512;

    private volatile bool _isFenced;

    public string Name => inner.Name;

    public StorageFacts Facts => inner.Facts;

    public StorageIdentity Identity => inner.Identity;

    public bool IsReadOnly => inner.IsReadOnly;

    public StorageFence? EarlierFence => inner.EarlierFence;

    public long GetLength() => inner.GetLength();

    public long GetAllocatedBytes() => inner.GetAllocatedBytes();

    public StorageExtent GetExtent(long offset) => inner.GetExtent(offset);

    public int Read(long offset, Span<byte> buffer) => BeforeRead() is FaultKind.ShortRead ? inner.Read(offset, buffer[..Shorter(buffer.Length)]) : inner.Read(offset, buffer);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(offset, BeforeRead() is FaultKind.ShortRead ? buffer[..Shorter(buffer.Length)] : buffer, cancellationToken);

    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        if (BeforeWrite() is { } kind)
        {
            if (kind == FaultKind.HalfWrite)
            {
                inner.Write(offset, buffer[..FirstSector(offset, buffer.Length)]);
            }

            throw faults.Error(kind, Name);
        }

        inner.Write(offset, buffer);
    }

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (BeforeWrite() is { } kind)
        {
            if (kind == FaultKind.HalfWrite)
            {
                inner.Write(offset, buffer.Span[..FirstSector(offset, buffer.Length)]);
            }

            throw faults.Error(kind, Name);
        }

        return inner.WriteAsync(offset, buffer, cancellationToken);
    }

    public void SetLength(long lengthBytes)
    {
        Before(FaultKind.Length);
        inner.SetLength(lengthBytes);
    }

    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        Before(FaultKind.Length);
        return inner.SetLengthAsync(lengthBytes, cancellationToken);
    }

    public void Barrier()
    {
        Before(FaultKind.Barrier);
        inner.Barrier();
    }

    public ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        Before(FaultKind.Barrier);
        return inner.BarrierAsync(cancellationToken);
    }

    public void PunchHole(long offset, long lengthBytes)
    {
        Before(FaultKind.Punch);
        inner.PunchHole(offset, lengthBytes);
    }

    public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Before(FaultKind.Punch);
        return inner.PunchHoleAsync(offset, lengthBytes, cancellationToken);
    }

    public void Allocate(long offset, long lengthBytes)
    {
        Before(FaultKind.Allocate);
        inner.Allocate(offset, lengthBytes);
    }

    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Before(FaultKind.Allocate);
        return inner.AllocateAsync(offset, lengthBytes, cancellationToken);
    }

    public void AdviseSequential() => inner.AdviseSequential();

    public void Dispose() => inner.Dispose();

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static int Shorter(int lengthBytes) => Math.Max(0, lengthBytes - Sector);

    private FaultKind? BeforeRead()
    {
        FaultKind? kind = faults.Strike(FaultKind.Read, FaultKind.ShortRead);
        return kind == FaultKind.Read ? throw faults.Error(FaultKind.Read, Name) : kind;
    }

    private FaultKind? BeforeWrite()
    {
        ThrowIfFenced();
        return faults.Strike(FaultKind.Write, FaultKind.HalfWrite, FaultKind.WriteWithoutRoom);
    }

    // Up to the end of a sector of the file: none of them is torn.
    private static int FirstSector(long offset, int lengthBytes) => (int)Math.Min(Sector - (offset % Sector), lengthBytes);

    private void Before(FaultKind kind)
    {
        ThrowIfFenced();
        if (faults.Strike(kind) is not null)
        {
            _isFenced = kind == FaultKind.Barrier;
            throw faults.Error(kind, Name);
        }
    }

    private void ThrowIfFenced()
    {
        if (_isFenced)
        {
            throw new ImageException(ImageErrorKind.Fenced, $"{Name}: a barrier failed earlier.", Name, "write");
        }
    }
}
