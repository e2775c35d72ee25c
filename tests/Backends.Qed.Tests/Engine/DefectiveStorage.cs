using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>A storage that makes of failures what an engine with a defect would.</summary>
internal sealed class DefectiveStorage(IImageStorage inner, DefectiveStorage.Defect defect) : ForwardingStorage(inner), IImageStorage
{
    private long _failedAt = -1;

    internal enum Defect
    {
        /// <summary>A write that fails is taken for done.</summary>
        LostWrite,

        /// <summary>What could not be written is thought to be there when it is tried again.</summary>
        DroppedRetry,

        /// <summary>A barrier that fails is taken for done.</summary>
        LostBarrier,

        /// <summary>A length that could not be set is thought to be there.</summary>
        LostLength,

        /// <summary>Room that there is none of is thought to be taken.</summary>
        LostRoom,

        /// <summary>What cannot be read is taken for zeros.</summary>
        ReadOfZeros,

        /// <summary>The error does not say which file.</summary>
        NamelessError,

        /// <summary>The storage stays open.</summary>
        LeftOpen,
    }

    public new int Read(long offset, Span<byte> buffer)
    {
        try
        {
            int read = Inner.Read(offset, buffer);
            if (defect != Defect.ReadOfZeros)
            {
                return read;
            }

            buffer[read..].Clear();
        }
        catch (ImageException) when (defect == Defect.ReadOfZeros)
        {
            buffer.Clear();
        }

        return buffer.Length;
    }

    public new ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(offset, buffer.Span));

    public override void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        if (defect == Defect.DroppedRetry && _failedAt == offset)
        {
            _failedAt = -1;
            return;
        }

        try
        {
            Inner.Write(offset, buffer);
        }
        catch (ImageException exception)
        {
            _failedAt = offset;
            Tell(exception, Defect.LostWrite);
        }
    }

    public override ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(offset, buffer.Span);
        return default;
    }

    public override void Barrier() => Do(Inner.Barrier, Defect.LostBarrier);

    public override ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        Barrier();
        return default;
    }

    public new void SetLength(long lengthBytes) => Do(() => Inner.SetLength(lengthBytes), Defect.LostLength);

    public new ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        SetLength(lengthBytes);
        return default;
    }

    public new void Allocate(long offset, long lengthBytes) => Do(() => Inner.Allocate(offset, lengthBytes), Defect.LostRoom);

    public new ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Allocate(offset, lengthBytes);
        return default;
    }

    void IDisposable.Dispose()
    {
        if (defect != Defect.LeftOpen)
        {
            Dispose();
        }
    }

    ValueTask IAsyncDisposable.DisposeAsync() => defect != Defect.LeftOpen ? DisposeAsync() : default;

    private void Do(Action act, Defect lost)
    {
        try
        {
            act();
        }
        catch (ImageException exception)
        {
            Tell(exception, lost);
        }
    }

    private void Tell(ImageException exception, Defect lost)
    {
        if (defect == lost)
        {
            return;
        }

        throw defect == Defect.NamelessError ? new ImageException(exception.Kind, "it did not work") : exception;
    }
}
