namespace QedVd;

/// <summary>
/// Where an image's bytes live: a host file, memory, something remote. Offsets and lengths are bytes. Opened by the host, never by a backend.
/// </summary>
/// <remarks>
/// <para>Thread safety: all members may be called concurrently, <see cref="IDisposable.Dispose"/> excepted. Overlapping writes have no defined order.</para>
/// <para>Errors: <see cref="ImageException"/>, with kind <see cref="ImageErrorKind.Io"/>, <see cref="ImageErrorKind.OutOfSpace"/>,
/// <see cref="ImageErrorKind.ReadOnly"/>, <see cref="ImageErrorKind.Fenced"/> or <see cref="ImageErrorKind.NotSupported"/>.
/// A failed write may have been done in part.</para>
/// <para>Each member that does I/O exists on the calling thread and as a <see cref="ValueTask"/>; neither is made of the other by blocking.
/// The defaults of the optional ones do the work on the calling thread.</para>
/// <para>Disposing does not make anything durable: call <see cref="Barrier"/> first.</para>
/// </remarks>
public interface IImageStorage : IDisposable, IAsyncDisposable
{
    /// <summary>The name for messages: a file's full path, or what tells this storage from others.</summary>
    string Name { get; }

    /// <summary>What may be relied on. Never changes while open.</summary>
    StorageFacts Facts { get; }

    /// <summary>Tells whether two storages are the same bytes.</summary>
    StorageIdentity Identity { get; }

    /// <summary>Whether writes are refused.</summary>
    bool IsReadOnly { get; }

    /// <summary>A barrier that failed on this file before it was opened here, in this process; null if none. What was written after the last good one is undefined.</summary>
    StorageFence? EarlierFence => null;

    /// <summary>Length in bytes, as of now (another handle may have changed it).</summary>
    long GetLength();

    /// <summary>Bytes that the storage really uses on its volume (<c>st_blocks</c> times 512), or the length where that is not known.</summary>
    long GetAllocatedBytes() => GetLength();

    /// <summary>Reads at <paramref name="offset"/>. Returns fewer bytes than asked only at the end of the storage; 0 at or beyond it.</summary>
    int Read(long offset, Span<byte> buffer);

    /// <inheritdoc cref="Read(long, Span{byte})"/>
    /// <remarks>Completes inline when no waiting is needed.</remarks>
    ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default);

    /// <summary>Reads into several buffers from one run of the storage; short only at its end.</summary>
    int Read(long offset, IReadOnlyList<Memory<byte>> buffers)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        int total = 0;
        foreach (Memory<byte> buffer in buffers)
        {
            int read = Read(offset + total, buffer.Span);
            total += read;
            if (read < buffer.Length)
            {
                break;
            }
        }

        return total;
    }

    /// <inheritdoc cref="Read(long, IReadOnlyList{Memory{byte}})"/>
    async ValueTask<int> ReadAsync(long offset, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        int total = 0;
        foreach (Memory<byte> buffer in buffers)
        {
            int read = await ReadAsync(offset + total, buffer, cancellationToken).ConfigureAwait(false);
            total += read;
            if (read < buffer.Length)
            {
                break;
            }
        }

        return total;
    }

    /// <summary>Writes all bytes at <paramref name="offset"/>; grows the storage when they end beyond its length.</summary>
    void Write(long offset, ReadOnlySpan<byte> buffer);

    /// <inheritdoc cref="Write(long, ReadOnlySpan{byte})"/>
    /// <remarks>Cancellation is honoured before the write starts; the buffer is in use until the task has completed.</remarks>
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default);

    /// <summary>Writes several buffers as one run of the storage.</summary>
    void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        foreach (ReadOnlyMemory<byte> buffer in buffers)
        {
            Write(offset, buffer.Span);
            offset += buffer.Length;
        }
    }

    /// <inheritdoc cref="Write(long, IReadOnlyList{ReadOnlyMemory{byte}})"/>
    async ValueTask WriteAsync(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(buffers);
        foreach (ReadOnlyMemory<byte> buffer in buffers)
        {
            await WriteAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
            offset += buffer.Length;
        }
    }

    /// <summary>Grows (the new part is a hole and reads zero until a crash; after one, see <see cref="StorageFacts.NeverWrittenReadsZero"/>) or cuts.</summary>
    void SetLength(long lengthBytes);

    /// <inheritdoc cref="SetLength(long)"/>
    ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default);

    /// <summary>
    /// Returns only when every write, length change and hole that had completed before the call is durable. On failure the storage is fenced:
    /// this call throws the cause, reads go on, and all later changes and barriers throw <see cref="ImageErrorKind.Fenced"/>.
    /// </summary>
    void Barrier();

    /// <inheritdoc cref="Barrier"/>
    /// <remarks>Cancellation is honoured before the barrier starts only.</remarks>
    ValueTask BarrierAsync(CancellationToken cancellationToken = default);

    /// <summary>Gives the range's room back; it reads as zero and the length stays. Needs <see cref="StorageFacts.CanPunchHoles"/>.</summary>
    void PunchHole(long offset, long lengthBytes) => throw ImageException.NotSupported("punching holes", Name);

    /// <inheritdoc cref="PunchHole(long, long)"/>
    ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        PunchHole(offset, lengthBytes);
        return default;
    }

    /// <summary>
    /// Takes room on the volume for a range that was never written, growing the storage when it ends beyond its length: a later write inside
    /// cannot meet a full volume, and until then the range reads as zero. The default writes zeros.
    /// </summary>
    void Allocate(long offset, long lengthBytes)
    {
        byte[] zeros = new byte[Math.Min(lengthBytes, 64 << 10)];
        for (long done = 0; done < lengthBytes; done += zeros.Length)
        {
            Write(offset + done, zeros.AsSpan(0, (int)Math.Min(zeros.Length, lengthBytes - done)));
        }
    }

    /// <inheritdoc cref="Allocate"/>
    async ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        byte[] zeros = new byte[Math.Min(lengthBytes, 64 << 10)];
        for (long done = 0; done < lengthBytes; done += zeros.Length)
        {
            await WriteAsync(offset + done, zeros.AsMemory(0, (int)Math.Min(zeros.Length, lengthBytes - done)), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The run of data or hole at <paramref name="offset"/>. Without <see cref="StorageFacts.CanMapHoles"/>: data up to the end.</summary>
    StorageExtent GetExtent(long offset) => new(Math.Max(0, GetLength() - offset), IsHole: false);

    /// <summary>
    /// Copies inside the host's kernel or file system, sharing blocks where it can. Returns the bytes copied, from the start of the range;
    /// 0 means "not here, copy by reading and writing".
    /// </summary>
    long CopyRange(long sourceOffset, IImageStorage target, long targetOffset, long lengthBytes) => 0;

    /// <summary>Tells the storage that it will be read in order.</summary>
    void AdviseSequential()
    {
    }
}
