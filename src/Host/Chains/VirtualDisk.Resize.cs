using System.Buffers;

namespace QedVd.Host;

/// <content>Another size, while the disk is in use.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Changes the size of the disk while it is in use. New space reads as zero, also where a parent is longer. Parents keep their size.
    /// </summary>
    /// <remarks>
    /// <para>Growing: reads and writes go on; the new size counts when this returns. Shrinking: requests beyond the new end are refused from the start on,
    /// those under way there are waited for, and all others go on. <see cref="LengthBytes"/>, <see cref="Limits"/>, <see cref="AsStream"/> and a
    /// <see cref="Geometry"/> that was not set follow at once; one that was set stays until it is set again.</para>
    /// <para>When it fails or is cancelled, the disk has the size that its image has then, mostly the old one, and stays usable. A shrink that was
    /// stopped may have dropped data beyond the new end.</para>
    /// </remarks>
    /// <param name="lengthBytes">The new size, a multiple of 512.</param>
    /// <param name="mayShrink">Without this a smaller size is refused, because it loses data.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InvalidArgument"/>, <see cref="ImageErrorKind.ReadOnly"/>, <see cref="ImageErrorKind.NotSupported"/>;
    /// <see cref="ImageErrorKind.InUse"/> for a shrink below open disks that have this one as their parent.</exception>
    public async ValueTask ResizeAsync(long lengthBytes, bool mayShrink = false, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using MaintenanceTurn turn = await EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false);
        RequireWritable("resize");
        if (lengthBytes < 0 || lengthBytes % ImageRegion.SectorBytes != 0)
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument, $"{Shown}: a disk of {lengthBytes} bytes: its size is a multiple of {ImageRegion.SectorBytes}, because it consists of whole sectors. Round it.", Path, "resize");
        }

        bool isShrink = lengthBytes < LengthBytes;
        if (isShrink && !mayShrink)
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument, $"{Shown}: {lengthBytes} bytes are less than the disk's {LengthBytes}: what lies beyond would be lost. Say so (mayShrink, --shrink) if that is meant.", Path, "resize");
        }

        RequireCapability(isShrink ? ImageCapabilities.Shrink : ImageCapabilities.Grow, isShrink ? "shrink" : "grow");
        try
        {
            if (isShrink)
            {
                await ShrinkAsync(lengthBytes, progress, turn.Token).ConfigureAwait(false);
            }
            else if (lengthBytes > LengthBytes)
            {
                await GrowDiskAsync(lengthBytes, progress, turn.Token).ConfigureAwait(false);
            }
        }
        finally
        {
            _filters?.Resized();
        }
    }

    private async ValueTask GrowDiskAsync(long lengthBytes, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        Generation old = _generation;
        await CopyTailUpAsync(old, cancellationToken).ConfigureAwait(false);
        try
        {
            await ResizeTopAsync(old, lengthBytes, mayShrink: false, progress, cancellationToken).ConfigureAwait(false);
            await HideBeneathAsync(old, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await FollowSizeAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask ShrinkAsync(long lengthBytes, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        CloseToChildren("shrink");
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            Generation narrow = _generation.Narrowed(lengthBytes);
            await PublishAsync(narrow).ConfigureAwait(false);
            int block = narrow.TopBlockBytes;
            long start = lengthBytes - (lengthBytes % block);

            // A block that is copied up meanwhile is filled to the end that the image has; so nobody copies the last one while that end moves.
            RangeLock.Entry entry = await _growth.EnterAsync<AsyncIo>(start, RoundUp(start + 1, block), CancellationToken.None).ConfigureAwait(false);
            try
            {
                await ResizeTopAsync(narrow, lengthBytes, mayShrink: true, progress, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _growth.Exit(entry);
                await PublishAsync(narrow.Remade()).ConfigureAwait(false);
            }
        }
        finally
        {
            Children.Reopen();
        }
    }

    private static Task ResizeTopAsync(Generation generation, long lengthBytes, bool mayShrink, IProgress<OperationProgress>? progress, CancellationToken cancellationToken) => Task.Run(
        async () => await generation.Levels[0].AskAsync(
            "resizing", progress, (image, told) => image.ResizeAsync(lengthBytes, mayShrink, told, cancellationToken), cancellationToken).ConfigureAwait(false),
        cancellationToken);

    // Whatever became of the resize: what counts is the size that the image has.
    private ValueTask FollowSizeAsync()
    {
        Generation now = _generation;
        return now.Top.VirtualSizeBytes == now.LengthBytes ? default : PublishAsync(now.Remade());
    }

    /// <summary>
    /// The last block, when it is free and the disk ends in it: behind the old end it shall read as zero, and before as the parent, and only data of its own
    /// can say that.
    /// </summary>
    private async ValueTask CopyTailUpAsync(Generation generation, CancellationToken cancellationToken)
    {
        int block = generation.TopBlockBytes;
        long end = generation.LengthBytes;
        int inside = (int)(end % block);
        long start = end - inside;
        if (inside == 0 || !generation.Beneath.MayHoldDataAt(end))
        {
            return;
        }

        RangeLock.Entry entry = await _growth.EnterAsync<AsyncIo>(start, RoundUp(end, block), cancellationToken).ConfigureAwait(false);
        byte[] whole = ArrayPool<byte>.Shared.Rent(block);
        try
        {
            Extent extent = await MapTopAsync<AsyncIo>(generation, start, inside, cancellationToken).ConfigureAwait(false);
            if (extent.Kind != ExtentKind.Free)
            {
                return;
            }

            await ChainReader.ReadAsync<AsyncIo>(generation, 1, start, new IoBuffer(whole.AsMemory(0, inside)), cancellationToken).ConfigureAwait(false);
            whole.AsSpan(inside, block - inside).Clear();
            if (whole.AsSpan(0, block).ContainsAnyExcept((byte)0))
            {
                await WriteAllAsync<AsyncIo>(generation.Top, start, new IoBuffer(whole.AsMemory(0, block)), WriteFlags.None, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await ZeroAllAsync<AsyncIo>(generation.Top, start, block, WriteFlags.None, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
            _growth.Exit(entry);
        }
    }

    /// <summary>Where an image has left new space free over a longer parent, against its contract: marks it as zero before anybody can read it.</summary>
    private static async ValueTask HideBeneathAsync(Generation old, CancellationToken cancellationToken)
    {
        int block = old.TopBlockBytes;
        long end = Math.Min(old.Top.VirtualSizeBytes, old.LengthsBytes.Length > 1 ? old.LengthsBytes[1] : 0);
        for (long at = RoundUp(old.LengthBytes, block); at < end;)
        {
            Extent extent = await MapTopAsync<AsyncIo>(old, at, end - at, cancellationToken).ConfigureAwait(false);
            long run = extent.LengthBytes;
            if (extent.Kind == ExtentKind.Free)
            {
                run = RoundUp(at + run, block) - at;
                await ZeroAllAsync<AsyncIo>(old.Top, at, run, WriteFlags.None, cancellationToken).ConfigureAwait(false);
            }

            at += run;
        }
    }
}
