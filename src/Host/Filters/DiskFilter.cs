namespace QedVd.Host;

/// <summary>
/// Stands between a disk and its users: each request of the guest passes it on its way to the chain. It may delay a request, change the bytes, answer
/// itself, or refuse. Derive from it and override what concerns you; everything else passes through.
/// </summary>
/// <remarks>
/// <para><b>Requests.</b> They lie inside the disk, are multiples of <see cref="AlignmentBytes"/> (but for the last ones of a disk whose size is not), and only
/// reach a writable disk when they change it. A member returns when the request is done in full, or throws, as <see cref="VirtualDisk"/> does. Both forms are
/// called: override the synchronous and the asynchronous one alike, and block in the synchronous one only.</para>
/// <para><b>The rest of the way</b> is the <see cref="DiskRequests"/> that each call is given: any number of requests, also on other ranges, until the call returns.</para>
/// <para><b>Thread safety.</b> All members may be called concurrently, also for ranges that overlap.</para>
/// <para><b>What does not pass.</b> Operations on the chain (commit, merge, rebase, compact, check ...) work beneath the filters, on the bytes as they are stored.</para>
/// <para><b>Life.</b> A filter is on one disk at a time. The disk does not dispose it.</para>
/// </remarks>
public abstract class DiskFilter
{
    private const int ZeroChunkBytes = 64 << 10;

    private static readonly byte[] s_zeroes = new byte[ZeroChunkBytes];

    private VirtualDisk? _disk;

    /// <summary>What the filter does to the bytes. Constant.</summary>
    public virtual FilterTraits Traits => FilterTraits.None;

    /// <summary>
    /// Requests reach the filter in multiples of this: a power of two, at most 64 KiB. Constant. The disk reads, changes and writes whole units for requests that are
    /// not, and no two requests that share a unit are then under way in the filter at a time.
    /// </summary>
    public virtual int AlignmentBytes => 1;

    /// <summary>Keeps requests apart that share a unit of <see cref="AlignmentBytes"/>.</summary>
    internal RangeLock Units { get; } = new();

    /// <summary>Fills the buffer.</summary>
    public virtual void Read(DiskRequests beneath, long offset, Span<byte> buffer) => beneath.Read(offset, buffer);

    /// <inheritdoc cref="Read"/>
    public virtual ValueTask ReadAsync(DiskRequests beneath, long offset, Memory<byte> buffer, CancellationToken cancellationToken) =>
        beneath.ReadAsync(offset, buffer, cancellationToken);

    /// <summary>Writes all of the buffer, and leaves the buffer as it is.</summary>
    public virtual void Write(DiskRequests beneath, long offset, ReadOnlySpan<byte> buffer, WriteFlags flags) => beneath.Write(offset, buffer, flags);

    /// <inheritdoc cref="Write"/>
    public virtual ValueTask WriteAsync(DiskRequests beneath, long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        beneath.WriteAsync(offset, buffer, flags, cancellationToken);

    /// <summary>Makes the range read as zero. Unless overridden, zeros are written through this filter where they do not pass it.</summary>
    public virtual void WriteZeroes(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags)
    {
        if (!ChangesZeroes(Traits))
        {
            beneath.WriteZeroes(offset, lengthBytes, flags);
            return;
        }

        WriteFlags dataFlags = RequireMayWriteZeroes(flags);
        for (int done; lengthBytes > 0; offset += done, lengthBytes -= done)
        {
            done = (int)Math.Min(lengthBytes, ZeroChunkBytes);
            Write(beneath, offset, s_zeroes.AsSpan(0, done), dataFlags);
        }
    }

    /// <inheritdoc cref="WriteZeroes"/>
    public virtual ValueTask WriteZeroesAsync(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        ChangesZeroes(Traits)
            ? WriteZeroesAsDataAsync(beneath, offset, lengthBytes, RequireMayWriteZeroes(flags), cancellationToken)
            : beneath.WriteZeroesAsync(offset, lengthBytes, flags, cancellationToken);

    /// <summary>The guest does not need the range any more: each byte reads as before or as zero. Unless overridden, nothing is done where zeros do not pass this filter.</summary>
    public virtual void Discard(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags)
    {
        if (!ChangesZeroes(Traits))
        {
            beneath.Discard(offset, lengthBytes, flags);
        }
    }

    /// <inheritdoc cref="Discard"/>
    public virtual ValueTask DiscardAsync(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        ChangesZeroes(Traits) ? default : beneath.DiscardAsync(offset, lengthBytes, flags, cancellationToken);

    /// <summary>Makes everything acknowledged before durable.</summary>
    public virtual void Flush(DiskRequests beneath) => beneath.Flush();

    /// <inheritdoc cref="Flush"/>
    public virtual ValueTask FlushAsync(DiskRequests beneath, CancellationToken cancellationToken) => beneath.FlushAsync(cancellationToken);

    internal static bool ChangesZeroes(FilterTraits traits) => (traits & (FilterTraits.ChangesContent | FilterTraits.KeepsZeroes)) == FilterTraits.ChangesContent;

    /// <summary>Gives the filter to a disk; before any request. False when it is on one already.</summary>
    internal bool TryAttach(VirtualDisk disk)
    {
        if (Interlocked.CompareExchange(ref _disk, disk, null) is not null)
        {
            return false;
        }

        OnAttached();
        return true;
    }

    /// <summary>Takes it away again; after the last request.</summary>
    internal void Detach() => Volatile.Write(ref _disk, null);

    /// <summary>The disk has another size now. Requests may be under way.</summary>
    internal void Resized() => OnResized();

    /// <summary>The disk holds something else now. Requests may be under way.</summary>
    internal void Reverted() => OnReverted();

    /// <summary>The filter is about to get requests of a disk, perhaps of another one than before: what is remembered of content does not count any more.</summary>
    protected virtual void OnAttached()
    {
    }

    /// <summary>The disk has got another size. What lies beyond a smaller size is gone, and reads zero when the disk grows again.</summary>
    protected virtual void OnResized()
    {
    }

    /// <summary>
    /// The disk has gone back to what lies beneath its top (<see cref="VirtualDisk.RevertAsync"/>), and may have another size: what is remembered of content does not
    /// count any more.
    /// </summary>
    protected virtual void OnReverted()
    {
    }

    private static WriteFlags RequireMayWriteZeroes(WriteFlags flags) => (flags & WriteFlags.FastOnly) == 0
        ? flags & WriteFlags.ForceUnitAccess
        : throw ImageException.NotSupported("zeroing without writing data through a filter that changes what is stored");

    private async ValueTask WriteZeroesAsDataAsync(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        for (int done; lengthBytes > 0; offset += done, lengthBytes -= done)
        {
            done = (int)Math.Min(lengthBytes, ZeroChunkBytes);
            await WriteAsync(beneath, offset, s_zeroes.AsMemory(0, done), flags, cancellationToken).ConfigureAwait(false);
        }
    }
}
