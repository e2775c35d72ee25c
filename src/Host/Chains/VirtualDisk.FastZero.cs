namespace QedVd.Host;

/// <content>Whether zeroing a range would write data.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Whether <see cref="WriteZeroes"/> would make the range read as zero without writing data: what <see cref="WriteFlags.FastOnly"/> would not refuse,
    /// as long as nobody writes into the range meanwhile. Looks at the range's ends only, where the format zeroes everything else fast. False on a read-only disk.
    /// </summary>
    /// <param name="offset">Inside the disk.</param>
    /// <param name="lengthBytes">Inside the disk.</param>
    public bool CanZeroFast(long offset, long lengthBytes) => SyncIo.Complete(CanZeroFastCore<SyncIo>(offset, lengthBytes, default));

    /// <inheritdoc cref="CanZeroFast(long, long)"/>
    public ValueTask<bool> CanZeroFastAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) =>
        CanZeroFastCore<AsyncIo>(offset, lengthBytes, cancellationToken);

    internal static bool ZeroesWholeBlocksFast(Generation generation)
    {
        // Where there are no blocks of its own, nothing is free.
        FastZeroKinds needed = generation.TopBlockBytes == 1 ? FastZeroKinds.DataBlocks : FastZeroKinds.DataBlocks | FastZeroKinds.FreeBlocks;
        return !generation.Top.IsReadOnly && (generation.Top.FastZeroes & needed) == needed;
    }

    private async ValueTask<bool> CanZeroFastCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        Generation generation = EnterReader();
        try
        {
            CheckRange(generation, offset, lengthBytes);
            return !_options.ReadOnly && !generation.IsTopReadOnly && _filters?.MayZeroFast(offset, lengthBytes) != false
                && await IsZeroingFastAsync<TIo>(generation, offset, lengthBytes, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            generation.Readers.Exit();
        }
    }

    private static async ValueTask<bool> IsZeroingFastAsync<TIo>(Generation generation, long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int block = generation.TopBlockBytes;
        long end = offset + lengthBytes;
        long firstWhole = Math.Min(RoundUp(offset, block), end);
        long lastWhole = end >= generation.Top.VirtualSizeBytes ? end : Math.Max(firstWhole, end - (end % block));
        return await IsPartFastAsync<TIo>(generation, offset, firstWhole, cancellationToken).ConfigureAwait(false)
            && await IsPartFastAsync<TIo>(generation, lastWhole, end, cancellationToken).ConfigureAwait(false)
            && (ZeroesWholeBlocksFast(generation) || await AreBlocksFastAsync<TIo>(generation, firstWhole, lastWhole, cancellationToken).ConfigureAwait(false));
    }

    private static async ValueTask<bool> AreBlocksFastAsync<TIo>(Generation generation, long start, long end, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        FastZeroKinds fast = generation.Top.FastZeroes;
        while (start < end)
        {
            Extent extent = await MapTopAsync<TIo>(generation, start, end - start, cancellationToken).ConfigureAwait(false);
            FastZeroKinds needed = extent.Kind switch
            {
                ExtentKind.Data => FastZeroKinds.DataBlocks,
                ExtentKind.Free => FastZeroKinds.FreeBlocks,
                _ => FastZeroKinds.None,
            };
            if ((fast & needed) != needed)
            {
                return false;
            }

            start += extent.LengthBytes;
        }

        return true;
    }

    /// <summary>A part of one block.</summary>
    private static async ValueTask<bool> IsPartFastAsync<TIo>(Generation generation, long start, long end, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        FastZeroKinds fast = generation.Top.FastZeroes;
        while (start < end)
        {
            Extent extent = await MapTopAsync<TIo>(generation, start, end - start, cancellationToken).ConfigureAwait(false);
            bool isFast = extent.Kind switch
            {
                ExtentKind.Data => (fast & FastZeroKinds.PartsOfData) != 0,
                ExtentKind.Free => (fast & FastZeroKinds.FreeBlocks) != 0
                    && (!generation.IsBlockOverSomething(start) || await IsFreePartFastAsync<TIo>(generation, start, end, cancellationToken).ConfigureAwait(false)),
                _ => true,
            };
            if (!isFast)
            {
                return false;
            }

            start += extent.LengthBytes;
        }

        return true;
    }

    // Nothing to do where the parent reads zero; one marker where it does in all of the rest. Otherwise that rest has to be copied up.
    private static async ValueTask<bool> IsFreePartFastAsync<TIo>(Generation generation, long start, long end, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!generation.HonorSame && await ReadsZeroBeneathAsync<TIo>(generation, start, end, cancellationToken).ConfigureAwait(false))
        {
            return true;
        }

        int block = generation.TopBlockBytes;
        long blockStart = start - (start % block);
        long blockEnd = Math.Min(RoundUp(end, block), generation.Top.VirtualSizeBytes);
        return await ReadsZeroBeneathAsync<TIo>(generation, blockStart, start, cancellationToken).ConfigureAwait(false)
            && await ReadsZeroBeneathAsync<TIo>(generation, end, blockEnd, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask<bool> ReadsZeroBeneathAsync<TIo>(Generation generation, long start, long end, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (start < end)
        {
            DiskExtent extent = await ChainReader.MapAsync<TIo>(generation, 1, start, end - start, isHintEnough: false, cancellationToken).ConfigureAwait(false);
            if (!extent.ReadsZero)
            {
                return false;
            }

            start = extent.EndBytes;
        }

        return true;
    }

    private static ImageException NotFast(Generation generation) =>
        ImageException.NotSupported("zeroing this range without writing data", generation.Levels[0].Path);
}
