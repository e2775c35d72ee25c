using System.Diagnostics;

namespace QedVd;

/// <summary>Input and output on the calling thread.</summary>
public readonly struct SyncIo : IIoMode
{
    /// <inheritdoc/>
    public static bool IsSynchronous => true;

    /// <summary>The result of an algorithm that ran in this mode. Throws what the algorithm threw.</summary>
    public static T Complete<T>(ValueTask<T> task)
    {
        Debug.Assert(task.IsCompleted, "A synchronous algorithm awaited something that had not completed.");
        return task.GetAwaiter().GetResult();
    }

    /// <summary>Ends an algorithm that ran in this mode. Throws what the algorithm threw.</summary>
    public static void Complete(ValueTask task)
    {
        Debug.Assert(task.IsCompleted, "A synchronous algorithm awaited something that had not completed.");
        task.GetAwaiter().GetResult();
    }

    /// <summary>Blocks until <paramref name="task"/> has completed; throws what it threw, or <see cref="OperationCanceledException"/>.</summary>
    /// <remarks>The named helper for unavoidable blocking: nothing else in these libraries blocks on a task.</remarks>
    public static void Block(Task task, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (!task.IsCompleted && cancellationToken.CanBeCanceled)
        {
            task = task.WaitAsync(cancellationToken);
        }

        task.GetAwaiter().GetResult();
    }

    /// <inheritdoc/>
    public static ValueTask<int> ReadAsync(IImageStorage storage, long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        new(storage.Read(offset, buffer.Span));

    /// <inheritdoc/>
    public static ValueTask WriteAsync(IImageStorage storage, long offset, IoBuffer buffer, CancellationToken cancellationToken)
    {
        storage.Write(offset, buffer.Span);
        return default;
    }

    /// <inheritdoc/>
    public static ValueTask SetLengthAsync(IImageStorage storage, long lengthBytes, CancellationToken cancellationToken)
    {
        storage.SetLength(lengthBytes);
        return default;
    }

    /// <inheritdoc/>
    public static ValueTask BarrierAsync(IImageStorage storage, CancellationToken cancellationToken)
    {
        storage.Barrier();
        return default;
    }

    /// <inheritdoc/>
    public static ValueTask PunchHoleAsync(IImageStorage storage, long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        storage.PunchHole(offset, lengthBytes);
        return default;
    }

    /// <inheritdoc/>
    public static ValueTask AllocateAsync(IImageStorage storage, long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        storage.Allocate(offset, lengthBytes);
        return default;
    }

    /// <inheritdoc/>
    public static ValueTask<ReadResult> ReadAsync(IDiskImage image, long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        new(image.Read(offset, buffer.Span));

    /// <inheritdoc/>
    public static ValueTask<WriteResult> WriteAsync(IDiskImage image, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        new(image.Write(offset, buffer.Span, flags));

    /// <inheritdoc/>
    public static ValueTask<WriteResult> WriteZeroesAsync(IDiskImage image, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        new(image.WriteZeroes(offset, lengthBytes, flags));

    /// <inheritdoc/>
    public static ValueTask<WriteResult> DiscardAsync(IDiskImage image, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        new(image.Discard(offset, lengthBytes, flags));

    /// <inheritdoc/>
    public static ValueTask<Extent> MapAsync(IDiskImage image, long offset, long lengthBytes, CancellationToken cancellationToken) =>
        new(image.Map(offset, lengthBytes));

    /// <inheritdoc/>
    public static ValueTask FlushAsync(IDiskImage image, CancellationToken cancellationToken)
    {
        image.Flush();
        return default;
    }

    /// <inheritdoc/>
    public static ValueTask WaitAsync(Task task, CancellationToken cancellationToken)
    {
        Block(task, cancellationToken);
        return default;
    }
}
