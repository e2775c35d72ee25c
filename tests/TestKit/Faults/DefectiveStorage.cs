namespace QedVd.TestKit;

/// <summary>A storage that makes of failures what an engine with a defect would.</summary>
internal sealed class DefectiveStorage(IImageStorage inner, PlantedDefect defect) : ForwardingStorage(inner), IImageStorage
{
    private long _failedAt = -1;

    public new int Read(long offset, Span<byte> buffer)
    {
        try
        {
            int read = Inner.Read(offset, buffer);
            if (defect != PlantedDefect.ReadOfZeros)
            {
                return read;
            }

            buffer[read..].Clear();
        }
        catch (ImageException) when (defect == PlantedDefect.ReadOfZeros)
        {
            buffer.Clear();
        }

        return buffer.Length;
    }

    public new ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(offset, buffer.Span));

    public override void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        if (defect == PlantedDefect.DroppedRetry && _failedAt == offset)
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
            Tell(exception, PlantedDefect.LostWrite);
        }
    }

    public override ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(offset, buffer.Span);
        return default;
    }

    public override void Barrier() => Do(Inner.Barrier, PlantedDefect.LostBarrier);

    public override ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        Barrier();
        return default;
    }

    public new void SetLength(long lengthBytes) => Do(() => Inner.SetLength(lengthBytes), PlantedDefect.LostLength);

    public new ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        SetLength(lengthBytes);
        return default;
    }

    public new void Allocate(long offset, long lengthBytes) => Do(() => Inner.Allocate(offset, lengthBytes), PlantedDefect.LostRoom);

    public new ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        Allocate(offset, lengthBytes);
        return default;
    }

    void IDisposable.Dispose()
    {
        if (defect != PlantedDefect.LeftOpen)
        {
            Dispose();
        }
    }

    ValueTask IAsyncDisposable.DisposeAsync() => defect != PlantedDefect.LeftOpen ? DisposeAsync() : default;

    private void Do(Action act, PlantedDefect lost)
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

    private void Tell(ImageException exception, PlantedDefect lost)
    {
        if (defect == lost)
        {
            return;
        }

        throw defect == PlantedDefect.NamelessError ? new ImageException(exception.Kind, "it did not work") : exception;
    }
}
