namespace QedVd;

/// <summary>Input and output with awaits; nothing in this mode blocks the calling thread on a lock or on a task.</summary>
public readonly struct AsyncIo : IIoMode
{
    /// <inheritdoc/>
    public static bool IsSynchronous => false;

    /// <inheritdoc/>
    public static ValueTask<int> ReadAsync(IImageStorage storage, long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        storage.ReadAsync(offset, buffer.Memory, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask WriteAsync(IImageStorage storage, long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        storage.WriteAsync(offset, buffer.Memory, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask SetLengthAsync(IImageStorage storage, long lengthBytes, CancellationToken cancellationToken) =>
        storage.SetLengthAsync(lengthBytes, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask BarrierAsync(IImageStorage storage, CancellationToken cancellationToken) =>
        storage.BarrierAsync(cancellationToken);

    /// <inheritdoc/>
    public static ValueTask PunchHoleAsync(IImageStorage storage, long offset, long lengthBytes, CancellationToken cancellationToken) =>
        storage.PunchHoleAsync(offset, lengthBytes, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask AllocateAsync(IImageStorage storage, long offset, long lengthBytes, CancellationToken cancellationToken) =>
        storage.AllocateAsync(offset, lengthBytes, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask<ReadResult> ReadAsync(IDiskImage image, long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        image.ReadAsync(offset, buffer.Memory, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask<WriteResult> WriteAsync(IDiskImage image, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        image.WriteAsync(offset, buffer.Memory, flags, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask<WriteResult> WriteZeroesAsync(IDiskImage image, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        image.WriteZeroesAsync(offset, lengthBytes, flags, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask<WriteResult> DiscardAsync(IDiskImage image, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        image.DiscardAsync(offset, lengthBytes, flags, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask<Extent> MapAsync(IDiskImage image, long offset, long lengthBytes, CancellationToken cancellationToken) =>
        image.MapAsync(offset, lengthBytes, cancellationToken);

    /// <inheritdoc/>
    public static ValueTask FlushAsync(IDiskImage image, CancellationToken cancellationToken) => image.FlushAsync(cancellationToken);

    /// <inheritdoc/>
    public static ValueTask WaitAsync(Task task, CancellationToken cancellationToken) =>
        task.IsCompletedSuccessfully ? default : new ValueTask(task.WaitAsync(cancellationToken));
}
