namespace QedVd;

/// <summary>
/// One opened image in its format: it maps, reads and writes its own bytes. It knows its parent's <em>name</em>, never its parent;
/// the host composes images into a disk, and does copy on write.
/// </summary>
/// <remarks>
/// <para><b>Units.</b> Offsets and lengths are bytes on the disk that the image describes. The caller keeps requests inside
/// <see cref="VirtualSizeBytes"/> (a write of whole blocks may end beyond it, at the end of its last block) and at
/// <see cref="ImageLimits.AlignmentBytes"/>; an image checks both and throws <see cref="ArgumentOutOfRangeException"/>.</para>
/// <para><b>Thread safety.</b> All members may be called concurrently, except <see cref="Close"/> and disposal, which come last.
/// Requests that overlap while both are under way have no defined order, but each byte ends with the value of one of them.</para>
/// <para><b>Two forms.</b> Read, write, zero, discard, map and flush exist on the calling thread (spans, also over unmanaged memory) and as
/// <see cref="ValueTask"/>. Neither blocks on the other; the asynchronous ones never block on a lock, and complete inline when no waiting is needed.
/// Cancellation leaves the image as valid as a failed request does.</para>
/// <para><b>Errors.</b> <see cref="ImageException"/>. A request that failed was not acknowledged: its range holds old bytes, new bytes or a mixture,
/// and nothing else has changed. What was acknowledged is never taken back.</para>
/// <para><b>Optional members</b> have a default that throws <see cref="ImageException.NotSupported"/>; <see cref="Capabilities"/> says what works.</para>
/// </remarks>
public interface IDiskImage : IDisposable, IAsyncDisposable
{
    /// <summary>The format's backend.</summary>
    BackendInfo Backend { get; }

    /// <summary>The name of the storage, for messages.</summary>
    string Name { get; }

    /// <summary>The version of the format that the image has, for people ("1").</summary>
    string FormatVersion { get; }

    /// <summary>What works on this image as it is open now (less on a read-only one).</summary>
    ImageCapabilities Capabilities { get; }

    /// <summary>What the image is.</summary>
    ImageFlags Flags { get; }

    /// <summary>How it is open.</summary>
    ImageOpenFlags OpenFlags { get; }

    /// <summary>Whether changes are refused with <see cref="ImageErrorKind.ReadOnly"/>.</summary>
    bool IsReadOnly => (OpenFlags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) != 0;

    /// <summary>Size of the disk. Current at once after a resize.</summary>
    long VirtualSizeBytes { get; }

    /// <summary>Alignment, block size, best request.</summary>
    ImageLimits Limits { get; }

    /// <summary>
    /// What <see cref="WriteZeroes"/> does without writing data, as the image is open now; what reads as zero already is always among it.
    /// A request with <see cref="WriteFlags.FastOnly"/> for anything else is refused. It lets a host answer before anything has been changed.
    /// </summary>
    FastZeroKinds FastZeroes => FastZeroKinds.None;

    /// <summary>The regions of the disk; they follow a resize.</summary>
    IReadOnlyList<ImageRegion> Regions => [new ImageRegion(0, VirtualSizeBytes)];

    /// <summary>What a person should know about this image as it was found ("backing name of length 0"); one line each, not escaped.</summary>
    IReadOnlyList<string> Warnings => [];

    /// <summary>The parent as the image names it, or null.</summary>
    ParentReference? Parent { get; }

    /// <summary>
    /// The <see cref="ImageCreateOptions.FormatOptions"/> that make an image of the same inner layout (cluster size and the like); size and parent not
    /// among them. Empty for a format that has no choice.
    /// </summary>
    IReadOnlyDictionary<string, string> CreationOptions => System.Collections.Immutable.ImmutableDictionary<string, string>.Empty;

    /// <summary>What the image takes on the host, now.</summary>
    ImageFileSize GetFileSize();

    /// <summary>The guest's physical geometry; null until set. A format without such a field keeps it for this session only.</summary>
    DiskGeometry? PhysicalGeometry { get => null; set => throw ImageException.NotSupported("setting the physical geometry", Name); }

    /// <summary>The guest's logical geometry; null until set. A format without such a field keeps it for this session only.</summary>
    DiskGeometry? LogicalGeometry { get => null; set => throw ImageException.NotSupported("setting the logical geometry", Name); }

    /// <summary>Identifiers, timestamps and comment; null for a format that stores none.</summary>
    ImageIdentity? Identity { get => null; set => throw ImageException.NotSupported("storing identifiers", Name); }

    /// <summary>
    /// Tells the image what lies beneath it. Called by the host at composition and whenever the chain changes. Requests under way are drained first;
    /// when it returns, every request that follows acts on the new answer.
    /// </summary>
    void SetBeneath(Beneath beneath);

    /// <inheritdoc cref="SetBeneath"/>
    ValueTask SetBeneathAsync(Beneath beneath, CancellationToken cancellationToken = default);

    /// <summary>
    /// Answers from memory, without I/O and without allocating, what the run at <paramref name="offset"/> is; false when that is not in memory.
    /// </summary>
    /// <param name="offset">Inside the disk.</param>
    /// <param name="lengthBytes">Length of interest, inside the disk; at least 1.</param>
    /// <param name="extent">The run. A hint: another thread may change the mapping at once. A <see cref="ExtentKind.Data"/> run may still turn out to be a hole.</param>
    bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        extent = default;
        return false;
    }

    /// <summary>What the run at <paramref name="offset"/> is, as long as possible; reads tables where needed, and asks the storage where its holes are.</summary>
    Extent Map(long offset, long lengthBytes);

    /// <inheritdoc cref="Map"/>
    ValueTask<Extent> MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default);

    /// <summary>
    /// One run after the other, in order and without gaps, as <see cref="MapAsync"/> answers: for those who go through a disk of millions of runs.
    /// Neighbours that are of one kind and lie one behind the other need not be one run.
    /// </summary>
    /// <param name="offset">Inside the disk.</param>
    /// <param name="lengthBytes">Length of interest, inside the disk; at least 1.</param>
    /// <param name="runs">Takes the runs; room for at least one.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>
    /// How many runs there are; at least one, all together at most <paramref name="lengthBytes"/> long. What cannot be mapped fails the call only
    /// when it is the first run. Each run was true at some instant during the call; on a disk that is being written, not all at the same.
    /// </returns>
    async ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
    {
        Extent run = await MapAsync(offset, lengthBytes, cancellationToken).ConfigureAwait(false);
        runs.Span[0] = run;
        return 1;
    }

    /// <summary>Reads a run as long as possible; may handle less than asked. Never touches the parent.</summary>
    ReadResult Read(long offset, Span<byte> buffer);

    /// <inheritdoc cref="Read"/>
    ValueTask<ReadResult> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default);

    /// <summary>
    /// Writes a run as long as possible; may handle less than asked. Allocated: in place. Free: allocates when the request covers whole blocks
    /// (or parts of one where nothing lies beneath), else answers <see cref="WriteResult.IsFree"/>. Into a zero block: the rest of it stays zero.
    /// </summary>
    /// <remarks>
    /// A block becomes visible as allocated, to reads, maps and other writes, only when its data is in place: copy on write relies on it. A write
    /// that reaches the end of the disk covers the whole of its last block. Without <see cref="WriteFlags.NoAllocate"/>, 'free' is no answer where
    /// nothing lies beneath.
    /// </remarks>
    WriteResult Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None);

    /// <inheritdoc cref="Write"/>
    ValueTask<WriteResult> WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default);

    /// <summary>
    /// Makes a run read as zero, cheaply where the format can. Answers as <see cref="Write"/> does; a part of a free block over something is
    /// <see cref="WriteResult.IsFree"/>.
    /// </summary>
    WriteResult WriteZeroes(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None);

    /// <inheritdoc cref="WriteZeroes"/>
    ValueTask<WriteResult> WriteZeroesAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default);

    /// <summary>
    /// The guest does not need a run any more: gives room back where that is possible, and does nothing where it is not. The run then reads as zero
    /// or as before, never as anything else. Never answers <see cref="WriteResult.IsFree"/>.
    /// </summary>
    WriteResult Discard(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) => WriteResult.Done(lengthBytes);

    /// <inheritdoc cref="Discard"/>
    ValueTask<WriteResult> DiscardAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default) =>
        new(Discard(offset, lengthBytes, flags));

    /// <summary>Everything acknowledged before the call is durable when it returns, metadata included. A failed flush may be tried again unless the storage is fenced.</summary>
    void Flush();

    /// <inheritdoc cref="Flush"/>
    ValueTask FlushAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Flushes, trims what was reserved, and closes the storage; throws what could not be saved, closed all the same. Disposing does the same
    /// without throwing. No request may be under way.
    /// </summary>
    void Close();

    /// <inheritdoc cref="Close"/>
    ValueTask CloseAsync();

    /// <summary>Changes how the image is open (read-only to read-write and back), flushing first. On failure it stays usable as it was.</summary>
    /// <remarks>The host has changed the storage's own rights and locks before it grants, and does so after it takes away.</remarks>
    ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("changing the open flags", Name);

    /// <summary>Stores another parent name, or none. Safe against a crash: the old or the new name, never a mixture.</summary>
    ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("setting the parent", Name);

    /// <summary>
    /// Changes the disk's size. New space reads as zero, whatever lies beneath. Requests may be under way: those inside both sizes are served all the
    /// time, those beyond a smaller size wait and then fail as out of range.
    /// </summary>
    /// <remarks>
    /// <para>Growing, where something lies beneath that is longer than the disk: when the old size ends inside a block, the host has that block allocated
    /// first (it writes the whole block: the disk's bytes through the chain, then zeros; such a write may end beyond the disk's end). A format that
    /// cannot make the rest of a free block zero otherwise refuses with <see cref="ImageErrorKind.InvalidArgument"/> and changes nothing.</para>
    /// <para>After a crash the size is the old or the new one. A shrink that was stopped, or failed, leaves the old size, and what lies beyond the smaller
    /// one as it was or as zeros. The geometries that were set belong to the old size: they are null afterwards.</para>
    /// </remarks>
    /// <param name="virtualSizeBytes">The new size; a format says which it can have, and refuses others with <see cref="ImageErrorKind.InvalidArgument"/>.</param>
    /// <param name="mayShrink">Without this a smaller size is refused, with <see cref="ImageErrorKind.InvalidArgument"/>.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between steps; the image stays valid.</param>
    ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("resizing", Name);

    /// <summary>Gives unused room back to the volume; the image stays valid, readable and writable at every step.</summary>
    ValueTask CompactAsync(CompactOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("compacting", Name);

    /// <summary>Every piece of the storage that the image uses, streamed, tables before what they refer to; data that is one piece in both places as one.</summary>
    /// <remarks>
    /// Flushes first where the image is written to; memory does not grow with the image. Each piece was right at the instant when its table was read: of an
    /// image that is being written meanwhile, the pieces need not be those of one instant. Entries that name no possible place are left out, and of a
    /// damaged image pieces may overlap: <see cref="IImageBackend.CheckAsync"/> tells. A table that cannot be read ends it with <see cref="ImageException"/>.
    /// </remarks>
    IAsyncEnumerable<MetadataChunk> TraverseAsync(CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("traversing the metadata", Name);

    /// <summary>Writes all there is to know for a person: header, features, tables, cache, allocation. Text from the image is escaped.</summary>
    void Dump(TextWriter output);
}
