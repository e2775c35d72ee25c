namespace QedVd.Host;

public sealed partial class FileStorage
{
    private const int ZeroBlockBytes = 256 << 10;

    /// <inheritdoc/>
    public long GetLength() => _file.GetLength();

    /// <inheritdoc/>
    public long GetAllocatedBytes() => _file.GetAllocatedBytes();

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer) => _file.Read(offset, buffer);

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        try
        {
            return _file.TryReadCached(offset, buffer.Span, out int done)
                ? new ValueTask<int>(done)
                : PoolRequest.Read(this, offset, buffer, done);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<int>(exception);
        }
    }

    /// <inheritdoc/>
    public int Read(long offset, IReadOnlyList<Memory<byte>> buffers)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        return _file.Read(offset, buffers);
    }

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        ThrowIfNotWritable("write");
        _file.Write(offset, buffer);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        if (buffer.Length > InlineWriteBytes)
        {
            return PoolRequest.Write(this, offset, buffer);
        }

        try
        {
            Write(offset, buffer.Span);
            return default;
        }
        catch (Exception exception)
        {
            return ValueTask.FromException(exception);
        }
    }

    /// <inheritdoc/>
    public void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        ThrowIfNotWritable("write");
        _file.Write(offset, buffers);
    }

    /// <inheritdoc/>
    public void SetLength(long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ThrowIfNotWritable("set the length");
        lock (_lengthGate)
        {
            // Before: a cut that fails half way must not look like somebody else's.
            _knownLength = Math.Min(_knownLength, lengthBytes);
            _file.SetLength(lengthBytes);
            _knownLength = lengthBytes;
        }
    }

    /// <inheritdoc/>
    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        return PoolRequest.Change(this, PoolRequest.Kind.SetLength, lengthBytes, 0);
    }

    /// <inheritdoc/>
    public void Barrier() => Barrier(withAttributes: false);

    /// <summary>A barrier that covers mode, owner and links too.</summary>
    internal void FullBarrier() => Barrier(withAttributes: true);

    /// <inheritdoc/>
    public ValueTask BarrierAsync(CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled(cancellationToken) : new ValueTask(_barriers.EnqueueAsync());

    /// <inheritdoc/>
    public void PunchHole(long offset, long lengthBytes)
    {
        ThrowIfBadRange(offset, lengthBytes);
        ThrowIfNotWritable("punch a hole");
        if (lengthBytes > 0)
        {
            _file.PunchHole(offset, lengthBytes);
        }
    }

    /// <inheritdoc/>
    public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled(cancellationToken)
            : PoolRequest.Change(this, PoolRequest.Kind.PunchHole, offset, lengthBytes);

    /// <inheritdoc/>
    public void Allocate(long offset, long lengthBytes)
    {
        ThrowIfBadRange(offset, lengthBytes);
        ThrowIfNotWritable("allocate");
        if (lengthBytes == 0 || _file.TryAllocate(offset, lengthBytes))
        {
            return;
        }

        byte[] zeros = new byte[Math.Min(lengthBytes, ZeroBlockBytes)];
        for (long done = 0; done < lengthBytes; done += zeros.Length)
        {
            Write(offset + done, zeros.AsSpan(0, (int)Math.Min(zeros.Length, lengthBytes - done)));
        }
    }

    /// <inheritdoc/>
    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled(cancellationToken)
            : PoolRequest.Change(this, PoolRequest.Kind.Allocate, offset, lengthBytes);

    /// <inheritdoc/>
    public StorageExtent GetExtent(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return _file.GetExtent(offset);
    }

    /// <inheritdoc/>
    public long CopyRange(long sourceOffset, IImageStorage target, long targetOffset, long lengthBytes)
    {
        ArgumentNullException.ThrowIfNull(target);
        ThrowIfBadRange(sourceOffset, lengthBytes);
        ThrowIfBadRange(targetOffset, lengthBytes);
        if (target is not FileStorage file || !(Facts & file.Facts).HasFlag(StorageFacts.CanCopyRange))
        {
            return 0;
        }

        file.ThrowIfNotWritable("copy");
        return _file.CopyRange(sourceOffset, file._file, targetOffset, lengthBytes);
    }

    /// <inheritdoc/>
    public void AdviseSequential() => _file.AdviseSequential();

    private void Barrier(bool withAttributes)
    {
        lock (_barrierGate)
        {
            ThrowIfFenced("make durable");
            try
            {
                ThrowIfTruncated();
                if (withAttributes)
                {
                    _file.FlushAll();
                }
                else
                {
                    _file.Flush();
                }
            }
            catch (ImageException exception)
            {
                _fence = FenceRegistry.Remember(_file, exception.Message);
                throw;
            }
        }
    }

    /// <summary>Somebody who does not keep to the locks has cut the file: what was there is lost, and the next growth would show zeros.</summary>
    private void ThrowIfTruncated()
    {
        long length;
        long known;
        lock (_lengthGate)
        {
            known = _knownLength;
            length = known == 0 ? 0 : _file.GetLength();
        }

        if (length < known)
        {
            throw StorageErrors.Create(
                ImageErrorKind.Io, Name, "make durable", $"the file was cut from {known} to {length} bytes by somebody else while it was open.");
        }
    }

    private static void ThrowIfBadRange(long offset, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, long.MaxValue - lengthBytes);
    }
}
