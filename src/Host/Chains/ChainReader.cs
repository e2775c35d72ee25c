using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>
/// Walks a chain from the top; the length shrinks at each level to what the levels above declared free. Beyond the end of a level lie zeros: what a
/// longer one beneath it holds there is not part of the disk that the level describes.
/// </summary>
internal static class ChainReader
{
    /// <summary>Fills the buffer from the levels at and beneath <paramref name="first"/>. What none of them holds is zero.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public static async ValueTask ReadAsync<TIo>(Generation generation, int first, long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        IDiskImage[] images = generation.Images;
        long[] lengths = generation.LengthsBytes;
        OwnerMemo? memo = generation.Memo;
        int memoLevel = memo is null ? -1 : Math.Max(first, memo.FirstLevel);
        int i = first;
        try
        {
            while (buffer.Length > 0)
            {
                int run = buffer.Length;
                ExtentKind kind = ExtentKind.Free;
                for (i = first; i < images.Length && kind == ExtentKind.Free; i++)
                {
                    if (i == memoLevel && (i = Math.Max(i, memo!.FindStart(offset, ref run))) == images.Length)
                    {
                        break;
                    }

                    long left = lengths[i] - offset;
                    if (left <= 0)
                    {
                        break;
                    }

                    run = (int)Math.Min(run, left);
                    if (!TryMapShort(images[i], isLast: i == images.Length - 1, offset, ref run, out kind) || kind == ExtentKind.Data)
                    {
                        ReadResult result = await TIo.ReadAsync(images[i], offset, buffer.Slice(0, run), cancellationToken).ConfigureAwait(false);
                        BackendResults.Check(result, run, images[i]);
                        run = result.Length;
                        kind = result.Kind;
                    }
                }

                if (kind != ExtentKind.Data)
                {
                    buffer.Slice(0, run).Span.Clear();
                }

                offset += run;
                buffer = buffer.Slice(run, buffer.Length - run);
            }
        }
        catch (Exception exception) when (generation.IsFault(exception, cancellationToken))
        {
            throw generation.Levels[Math.Min(i, images.Length - 1)].Fault("reading", offset, exception);
        }
    }

    /// <summary>What the chain at and beneath <paramref name="first"/> says of the run at <paramref name="offset"/>.</summary>
    /// <param name="generation">The chain.</param>
    /// <param name="first">The level to start at.</param>
    /// <param name="offset">Anywhere at or above 0.</param>
    /// <param name="lengthBytes">At least 1.</param>
    /// <param name="isHintEnough">Ask memory first; a run of data may then still turn out to be a hole.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async ValueTask<DiskExtent> MapAsync<TIo>(Generation generation, int first, long offset, long lengthBytes, bool isHintEnough, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long run = lengthBytes;
        for (int i = first; i < generation.Images.Length; i++)
        {
            IDiskImage image = generation.Images[i];
            long left = generation.LengthsBytes[i] - offset;
            if (left <= 0)
            {
                break;
            }

            run = Math.Min(run, left);
            Extent extent;
            try
            {
                if (!isHintEnough || !image.TryMap(offset, run, out extent))
                {
                    extent = await TIo.MapAsync(image, offset, run, cancellationToken).ConfigureAwait(false);
                }
            }
            catch (Exception exception) when (generation.IsFault(exception, cancellationToken))
            {
                throw generation.Levels[i].Fault("mapping", offset, exception);
            }

            BackendResults.Check(extent, run, image);
            run = extent.LengthBytes;
            if (extent.Kind != ExtentKind.Free)
            {
                return new DiskExtent
                {
                    OffsetBytes = offset,
                    LengthBytes = run,
                    Kind = extent.Kind,
                    Depth = i,
                    StorageOffset = extent.StorageOffset,
                    Path = generation.Levels[i].Path,
                    IsAllocated = extent.IsAllocated,
                };
            }
        }

        return new DiskExtent
        {
            OffsetBytes = offset,
            LengthBytes = run,
            Kind = ExtentKind.Free,
            Depth = generation.Levels.Length,
            StorageOffset = Extent.NoOffset,
            Path = null,
            IsAllocated = false,
        };
    }

    /// <summary>Asks a level's memory. The last level is not asked: reading it answers the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMapShort(IDiskImage image, bool isLast, long offset, ref int run, out ExtentKind kind)
    {
        kind = ExtentKind.Free;
        if (isLast || !image.TryMap(offset, run, out Extent extent))
        {
            return false;
        }

        BackendResults.Check(extent, run, image);
        run = (int)extent.LengthBytes;
        kind = extent.Kind;
        return true;
    }
}
