namespace QedVd.Host;

/// <summary>
/// What the guest sees: a chain of images, top first, composed by the host. Offsets and lengths are bytes.
/// </summary>
/// <remarks>
/// <para><b>Full requests.</b> A read fills all of its buffer or throws; a write, zero or discard request handles all of its range or throws.
/// A request must lie inside <see cref="LengthBytes"/>, else <see cref="ArgumentOutOfRangeException"/>. A request that failed was not acknowledged:
/// each of its bytes is old or new.</para>
/// <para><b>Two forms.</b> The synchronous members work on the calling thread, on spans that may be unmanaged guest memory, with no hop to a pool;
/// the asynchronous ones never block and complete inline when no waiting is needed. Neither allocates for a read or for a write in place.</para>
/// <para><b>Thread safety.</b> All members may be called concurrently. Requests that overlap while both are under way have no defined order, but each
/// byte ends with the value of one of them. <see cref="Close"/> waits for requests under way; later ones throw <see cref="ObjectDisposedException"/>.</para>
/// <para><b>Errors.</b> <see cref="ImageException"/>; <see cref="ImageErrorKind.OutOfSpace"/> may be retried once there is room.</para>
/// </remarks>
public sealed partial class VirtualDisk : IDisposable, IAsyncDisposable
{
    /// <summary>Size of the disk.</summary>
    public long LengthBytes => throw new NotImplementedException();

    /// <summary>Whether changes are refused with <see cref="ImageErrorKind.ReadOnly"/>.</summary>
    public bool IsReadOnly => throw new NotImplementedException();

    /// <summary>The top image's file, or its storage's name.</summary>
    public string Path => throw new NotImplementedException();

    /// <summary>Sizes that a virtual machine should tell its guest.</summary>
    public DiskLimits Limits => throw new NotImplementedException();

    /// <summary>The guest's geometry: what was set, else the standard translation of the size.</summary>
    public DiskGeometry Geometry
    {
        get => throw new NotImplementedException();
        set => throw new NotImplementedException();
    }

    /// <summary>The levels as they are now, top first.</summary>
    public IReadOnlyList<DiskLevel> Levels => throw new NotImplementedException();

    /// <summary>Reads; fills the buffer.</summary>
    public void Read(long offset, Span<byte> buffer) => throw new NotImplementedException();

    /// <inheritdoc cref="Read(long, Span{byte})"/>
    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Reads one run of the disk into several buffers.</summary>
    public void Read(long offset, IReadOnlyList<Memory<byte>> buffers) => throw new NotImplementedException();

    /// <inheritdoc cref="Read(long, IReadOnlyList{Memory{byte}})"/>
    public ValueTask ReadAsync(long offset, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Writes all of the buffer.</summary>
    public void Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None) => throw new NotImplementedException();

    /// <inheritdoc cref="Write(long, ReadOnlySpan{byte}, WriteFlags)"/>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Writes several buffers as one run of the disk.</summary>
    public void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, WriteFlags flags = WriteFlags.None) => throw new NotImplementedException();

    /// <inheritdoc cref="Write(long, IReadOnlyList{ReadOnlyMemory{byte}}, WriteFlags)"/>
    public ValueTask WriteAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Makes the range read as zero, without writing zeros where the format can.</summary>
    public void WriteZeroes(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) => throw new NotImplementedException();

    /// <inheritdoc cref="WriteZeroes(long, long, WriteFlags)"/>
    public ValueTask WriteZeroesAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>The guest does not need the range any more: afterwards each byte of it reads as before or as zero.</summary>
    public void Discard(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) => throw new NotImplementedException();

    /// <inheritdoc cref="Discard(long, long, WriteFlags)"/>
    public ValueTask DiscardAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Everything acknowledged before the call is durable when it returns. Does nothing on a read-only disk.</summary>
    public void Flush() => throw new NotImplementedException();

    /// <inheritdoc cref="Flush()"/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Which level answers the run at <paramref name="offset"/>, and how; as long as it is one answer, at most <paramref name="lengthBytes"/>.</summary>
    /// <param name="offset">Inside the disk.</param>
    /// <param name="lengthBytes">Length of interest, inside the disk; at least 1.</param>
    public DiskExtent Map(long offset, long lengthBytes) => throw new NotImplementedException();

    /// <inheritdoc cref="Map(long, long)"/>
    public ValueTask<DiskExtent> MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>The runs of the range in order, neighbours of one kind in one piece of storage merged.</summary>
    public IAsyncEnumerable<DiskExtent> MapAllAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>A seekable stream over the disk, with a fixed length. Flushing it flushes the disk; disposing it does not close the disk.</summary>
    public Stream AsStream() => throw new NotImplementedException();

    /// <summary>
    /// Puts a new overlay on the disk while it is in use: what the disk holds now stays in the old top, which becomes read-only; writes go to the overlay.
    /// New writes are held for the moment of the change. When a step fails, the old top goes on and the new file is removed.
    /// </summary>
    public ValueTask SnapshotAsync(string overlayPath, SnapshotOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Waits for requests under way, makes everything durable and closes the images; throws what could not be saved, closed all the same.</summary>
    public void Close() => throw new NotImplementedException();

    /// <inheritdoc cref="Close()"/>
    public ValueTask CloseAsync() => throw new NotImplementedException();

    /// <summary>Closes; what could not be saved goes to the log instead of being thrown.</summary>
    public void Dispose() => throw new NotImplementedException();

    /// <inheritdoc cref="Dispose()"/>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
