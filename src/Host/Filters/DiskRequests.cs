namespace QedVd.Host;

/// <summary>
/// The rest of a request's way down, from one filter's place: the filters below it, and then the disk's chain. Valid until the call that was given it returns.
/// </summary>
/// <remarks>As the members of <see cref="VirtualDisk"/>: full requests inside the disk, thread safe, both forms.</remarks>
public readonly struct DiskRequests
{
    private readonly FilterStack _stack;
    private readonly int _next;

    internal DiskRequests(FilterStack stack, int next) => (_stack, _next) = (stack, next);

    /// <summary>Size of the disk. It may change while a request is under way.</summary>
    public long LengthBytes => _stack.LengthBytes;

    /// <summary>Fills the buffer.</summary>
    public unsafe void Read(long offset, Span<byte> buffer)
    {
        fixed (byte* pointer = buffer)
        {
            SyncIo.Complete(_stack.ReadAsync<SyncIo>(_next, offset, new IoBuffer(pointer, buffer.Length), default));
        }
    }

    /// <inheritdoc cref="Read"/>
    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _stack.ReadAsync<AsyncIo>(_next, offset, new IoBuffer(buffer), cancellationToken);

    /// <summary>Writes all of the buffer.</summary>
    public unsafe void Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None)
    {
        fixed (byte* pointer = buffer)
        {
            SyncIo.Complete(_stack.WriteAsync<SyncIo>(_next, offset, new IoBuffer(pointer, buffer.Length), flags, default));
        }
    }

    /// <inheritdoc cref="Write"/>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        _stack.WriteAsync<AsyncIo>(_next, offset, new IoBuffer(buffer), flags, cancellationToken);

    /// <summary>Makes the range read as zero.</summary>
    public void WriteZeroes(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) =>
        SyncIo.Complete(_stack.WriteZeroesAsync<SyncIo>(_next, offset, lengthBytes, flags, default));

    /// <inheritdoc cref="WriteZeroes"/>
    public ValueTask WriteZeroesAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        _stack.WriteZeroesAsync<AsyncIo>(_next, offset, lengthBytes, flags, cancellationToken);

    /// <summary>The range is not needed any more.</summary>
    public void Discard(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) =>
        SyncIo.Complete(_stack.DiscardAsync<SyncIo>(_next, offset, lengthBytes, flags, default));

    /// <inheritdoc cref="Discard"/>
    public ValueTask DiscardAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        _stack.DiscardAsync<AsyncIo>(_next, offset, lengthBytes, flags, cancellationToken);

    /// <summary>Makes everything acknowledged before durable.</summary>
    public void Flush() => SyncIo.Complete(_stack.FlushAsync<SyncIo>(_next, default));

    /// <inheritdoc cref="Flush"/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => _stack.FlushAsync<AsyncIo>(_next, cancellationToken);

    internal ValueTask ReadAsync<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _stack.ReadAsync<TIo>(_next, offset, buffer, cancellationToken);

    internal ValueTask WriteAsync<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _stack.WriteAsync<TIo>(_next, offset, buffer, flags, cancellationToken);

    internal ValueTask WriteZeroesAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _stack.WriteZeroesAsync<TIo>(_next, offset, lengthBytes, flags, cancellationToken);

    internal ValueTask DiscardAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _stack.DiscardAsync<TIo>(_next, offset, lengthBytes, flags, cancellationToken);
}
