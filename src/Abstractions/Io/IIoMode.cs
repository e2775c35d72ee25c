namespace QedVd;

/// <summary>
/// How one algorithm does its input and output: <see cref="SyncIo"/> on the calling thread, or <see cref="AsyncIo"/> with awaits.
/// An algorithm is written once, as an <c>async</c> method generic over the mode; with <see cref="SyncIo"/> every task it awaits
/// has completed, so that its result can be taken with <see cref="SyncIo.Complete{T}(ValueTask{T})"/>.
/// </summary>
public interface IIoMode
{
    /// <summary>Whether this mode completes on the calling thread.</summary>
    static abstract bool IsSynchronous { get; }

    /// <summary>Reads; see <see cref="IImageStorage.Read(long, Span{byte})"/>.</summary>
    static abstract ValueTask<int> ReadAsync(IImageStorage storage, long offset, IoBuffer buffer, CancellationToken cancellationToken);

    /// <summary>Writes; see <see cref="IImageStorage.Write(long, ReadOnlySpan{byte})"/>.</summary>
    static abstract ValueTask WriteAsync(IImageStorage storage, long offset, IoBuffer buffer, CancellationToken cancellationToken);

    /// <summary>Sets the length; see <see cref="IImageStorage.SetLength(long)"/>.</summary>
    static abstract ValueTask SetLengthAsync(IImageStorage storage, long lengthBytes, CancellationToken cancellationToken);

    /// <summary>Makes everything before durable; see <see cref="IImageStorage.Barrier()"/>.</summary>
    static abstract ValueTask BarrierAsync(IImageStorage storage, CancellationToken cancellationToken);

    /// <summary>Gives a range back; see <see cref="IImageStorage.PunchHole(long, long)"/>.</summary>
    static abstract ValueTask PunchHoleAsync(IImageStorage storage, long offset, long lengthBytes, CancellationToken cancellationToken);

    /// <summary>Takes room for a range; see <see cref="IImageStorage.Allocate(long, long)"/>.</summary>
    static abstract ValueTask AllocateAsync(IImageStorage storage, long offset, long lengthBytes, CancellationToken cancellationToken);

    /// <summary>Reads from an image; see <see cref="IDiskImage.Read(long, Span{byte})"/>.</summary>
    static abstract ValueTask<ReadResult> ReadAsync(IDiskImage image, long offset, IoBuffer buffer, CancellationToken cancellationToken);

    /// <summary>Writes to an image; see <see cref="IDiskImage.Write(long, ReadOnlySpan{byte}, WriteFlags)"/>.</summary>
    static abstract ValueTask<WriteResult> WriteAsync(IDiskImage image, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken);

    /// <summary>Zeroes a range of an image; see <see cref="IDiskImage.WriteZeroes(long, long, WriteFlags)"/>.</summary>
    static abstract ValueTask<WriteResult> WriteZeroesAsync(IDiskImage image, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken);

    /// <summary>Discards a range of an image; see <see cref="IDiskImage.Discard(long, long, WriteFlags)"/>.</summary>
    static abstract ValueTask<WriteResult> DiscardAsync(IDiskImage image, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken);

    /// <summary>Maps a range of an image; see <see cref="IDiskImage.Map(long, long)"/>.</summary>
    static abstract ValueTask<Extent> MapAsync(IDiskImage image, long offset, long lengthBytes, CancellationToken cancellationToken);

    /// <summary>Flushes an image; see <see cref="IDiskImage.Flush()"/>.</summary>
    static abstract ValueTask FlushAsync(IDiskImage image, CancellationToken cancellationToken);

    /// <summary>Waits for something that another request or thread completes. The only place where a synchronous request blocks on a task.</summary>
    static abstract ValueTask WaitAsync(Task task, CancellationToken cancellationToken);
}
