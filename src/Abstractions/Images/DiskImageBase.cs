namespace QedVd;

/// <summary>
/// Helps to write a backend: derive, write each algorithm once in its <c>Core</c> form (an <c>async</c> method generic over the I/O mode), and
/// this class makes the synchronous and the asynchronous member of it, with the arguments checked.
/// </summary>
public abstract class DiskImageBase : IDiskImage
{
    private int _closed;

    /// <inheritdoc/>
    public abstract BackendInfo Backend { get; }

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public virtual string FormatVersion => "1";

    /// <inheritdoc/>
    public abstract ImageCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public abstract ImageFlags Flags { get; }

    /// <inheritdoc/>
    public abstract ImageOpenFlags OpenFlags { get; }

    /// <inheritdoc/>
    public bool IsReadOnly => (OpenFlags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) != 0;

    /// <inheritdoc/>
    public abstract long VirtualSizeBytes { get; }

    /// <inheritdoc/>
    public abstract ImageLimits Limits { get; }

    /// <inheritdoc/>
    public virtual FastZeroKinds FastZeroes => FastZeroKinds.None;

    /// <inheritdoc/>
    public virtual IReadOnlyList<ImageRegion> Regions => [new ImageRegion(0, VirtualSizeBytes)];

    /// <inheritdoc/>
    public virtual IReadOnlyList<string> Warnings => [];

    /// <inheritdoc/>
    public virtual ParentReference? Parent => null;

    /// <inheritdoc/>
    public virtual IReadOnlyDictionary<string, string> CreationOptions => System.Collections.Immutable.ImmutableDictionary<string, string>.Empty;

    /// <inheritdoc/>
    public abstract ImageFileSize GetFileSize();

    /// <inheritdoc/>
    public virtual DiskGeometry? PhysicalGeometry { get; set; }

    /// <inheritdoc/>
    public virtual DiskGeometry? LogicalGeometry { get; set; }

    /// <inheritdoc/>
    public virtual ImageIdentity? Identity
    {
        get => null;
        set => throw ImageException.NotSupported("storing identifiers", Name);
    }

    /// <inheritdoc/>
    public void SetBeneath(Beneath beneath) => SyncIo.Complete(SetBeneathCore<SyncIo>(beneath, default));

    /// <inheritdoc/>
    public ValueTask SetBeneathAsync(Beneath beneath, CancellationToken cancellationToken = default) => SetBeneathCore<AsyncIo>(beneath, cancellationToken);

    /// <inheritdoc/>
    public virtual bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        extent = default;
        return false;
    }

    /// <inheritdoc/>
    public Extent Map(long offset, long lengthBytes)
    {
        CheckRange(offset, lengthBytes);
        return SyncIo.Complete(MapCore<SyncIo>(offset, lengthBytes, default));
    }

    /// <inheritdoc/>
    public ValueTask<Extent> MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        CheckRange(offset, lengthBytes);
        return MapCore<AsyncIo>(offset, lengthBytes, cancellationToken);
    }

    /// <inheritdoc/>
    public virtual async ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
    {
        Extent run = await MapAsync(offset, lengthBytes, cancellationToken).ConfigureAwait(false);
        runs.Span[0] = run;
        return 1;
    }

    /// <inheritdoc/>
    public virtual unsafe ReadResult Read(long offset, Span<byte> buffer)
    {
        CheckRange(offset, buffer.Length);
        fixed (byte* pointer = buffer)
        {
            return SyncIo.Complete(ReadCore<SyncIo>(offset, new IoBuffer(pointer, buffer.Length), default));
        }
    }

    /// <inheritdoc/>
    public virtual ValueTask<ReadResult> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        CheckRange(offset, buffer.Length);
        return ReadCore<AsyncIo>(offset, new IoBuffer(buffer), cancellationToken);
    }

    /// <inheritdoc/>
    public virtual unsafe WriteResult Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None)
    {
        CheckWrite(offset, buffer.Length);
        fixed (byte* pointer = buffer)
        {
            return SyncIo.Complete(WriteCore<SyncIo>(offset, new IoBuffer(pointer, buffer.Length), flags, default));
        }
    }

    /// <inheritdoc/>
    public virtual ValueTask<WriteResult> WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default)
    {
        CheckWrite(offset, buffer.Length);
        return WriteCore<AsyncIo>(offset, new IoBuffer(buffer), flags, cancellationToken);
    }

    /// <inheritdoc/>
    public WriteResult WriteZeroes(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None)
    {
        CheckWrite(offset, lengthBytes);
        return SyncIo.Complete(WriteZeroesCore<SyncIo>(offset, lengthBytes, flags, default));
    }

    /// <inheritdoc/>
    public ValueTask<WriteResult> WriteZeroesAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default)
    {
        CheckWrite(offset, lengthBytes);
        return WriteZeroesCore<AsyncIo>(offset, lengthBytes, flags, cancellationToken);
    }

    /// <inheritdoc/>
    public WriteResult Discard(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None)
    {
        CheckWrite(offset, lengthBytes);
        return SyncIo.Complete(DiscardCore<SyncIo>(offset, lengthBytes, flags, default));
    }

    /// <inheritdoc/>
    public ValueTask<WriteResult> DiscardAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default)
    {
        CheckWrite(offset, lengthBytes);
        return DiscardCore<AsyncIo>(offset, lengthBytes, flags, cancellationToken);
    }

    /// <inheritdoc/>
    public void Flush() => SyncIo.Complete(FlushCore<SyncIo>(default));

    /// <inheritdoc/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => FlushCore<AsyncIo>(cancellationToken);

    /// <inheritdoc/>
    public void Close()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            SyncIo.Complete(CloseCore<SyncIo>());
        }
    }

    /// <inheritdoc/>
    public ValueTask CloseAsync() => Interlocked.Exchange(ref _closed, 1) == 0 ? CloseCore<AsyncIo>() : default;

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Close();
        }
        catch (ImageException exception)
        {
            OnCloseFailed(exception);
        }

        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await CloseAsync().ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            OnCloseFailed(exception);
        }

        GC.SuppressFinalize(this);
    }

    // The optional members stand here too, because a class does not implement an interface's default member unless it names the interface again.

    /// <inheritdoc/>
    public virtual ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("changing the open flags", Name);

    /// <inheritdoc/>
    public virtual ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("setting the parent", Name);

    /// <inheritdoc/>
    public virtual ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("resizing", Name);

    /// <inheritdoc/>
    public virtual ValueTask CompactAsync(CompactOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("compacting", Name);

    /// <inheritdoc/>
    public virtual IAsyncEnumerable<MetadataChunk> TraverseAsync(CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported("traversing the metadata", Name);

    /// <inheritdoc/>
    public virtual void Dump(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.WriteLine($"{Backend.DisplayName}, version {FormatVersion}, {VirtualSizeBytes} bytes, blocks of {Limits.BlockBytes} bytes");
    }

    /// <summary>Called when disposal could not save everything; <see cref="Close"/> would have thrown it.</summary>
    protected virtual void OnCloseFailed(ImageException exception)
    {
    }

    /// <summary><see cref="IDiskImage.SetBeneath"/>. The default does nothing: right for a format without parents.</summary>
    protected virtual ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => default;

    /// <summary><see cref="IDiskImage.Map"/>, with the arguments checked.</summary>
    protected abstract ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode;

    /// <summary><see cref="IDiskImage.Read"/>, with the arguments checked.</summary>
    protected abstract ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode;

    /// <summary><see cref="IDiskImage.Write"/>, with the arguments checked.</summary>
    protected abstract ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode;

    /// <summary><see cref="IDiskImage.WriteZeroes"/>, with the arguments checked.</summary>
    protected abstract ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode;

    /// <summary><see cref="IDiskImage.Discard"/>, with the arguments checked. The default does nothing, which the contract allows.</summary>
    protected virtual ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => new(WriteResult.Done(lengthBytes));

    /// <summary><see cref="IDiskImage.Flush"/>.</summary>
    protected abstract ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode;

    /// <summary><see cref="IDiskImage.Close"/>; called once. Closes the storage in any case.</summary>
    protected abstract ValueTask CloseCore<TIo>()
        where TIo : struct, IIoMode;

    /// <summary>Throws unless the range lies inside the disk and is aligned.</summary>
    protected void CheckRange(long offset, long lengthBytes)
    {
        if ((offset | lengthBytes) < 0 || offset > VirtualSizeBytes - lengthBytes)
        {
            ThrowRange(offset, lengthBytes);
        }

        CheckAlignment(offset, lengthBytes);
    }

    /// <summary>Throws unless the image is writable and the range is aligned and lies inside the disk or ends with its last block.</summary>
    protected void CheckWrite(long offset, long lengthBytes)
    {
        if (IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: open for reading only.", Name, "write", offset);
        }

        if ((offset | lengthBytes) < 0 || offset > VirtualSizeBytes - lengthBytes)
        {
            ulong block = (ulong)Limits.BlockBytes;
            ulong size = (ulong)VirtualSizeBytes;
            ulong end = unchecked((ulong)offset + (ulong)lengthBytes);
            if (offset < 0 || lengthBytes < 0 || offset > VirtualSizeBytes || end % block != 0 || end - size >= block)
            {
                ThrowRange(offset, lengthBytes);
            }
        }

        CheckAlignment(offset, lengthBytes);
    }

    private void CheckAlignment(long offset, long lengthBytes)
    {
        int alignment = Limits.AlignmentBytes;
        if (alignment > 1 && (offset % alignment != 0 || lengthBytes % alignment != 0))
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{Name}: {lengthBytes} bytes at {offset} are not aligned to {alignment} bytes.");
        }
    }

    private void ThrowRange(long offset, long lengthBytes) =>
        throw new ArgumentOutOfRangeException(nameof(offset), $"{Name}: {lengthBytes} bytes at {offset} are not inside the disk of {VirtualSizeBytes} bytes.");
}
