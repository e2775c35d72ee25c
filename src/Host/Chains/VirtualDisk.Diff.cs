using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <content>What the upper levels of a chain hold.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// The runs of the disk that levels above a given one decide, in order: what they own, as data or as zeros, and zeros where one of them ends before what
    /// lies beneath it. Elsewhere the disk reads as the given level and those beneath it do. Nothing is read but tables.
    /// </summary>
    /// <remarks>Each run was true at some instant during the enumeration; on a disk that is being written, not all at the same. A block that is owned may hold
    /// the same bytes as the one beneath it.</remarks>
    /// <param name="baseDepth">The level to compare with; 1 asks what the top owns, the number of levels what any level does.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such level.</exception>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InvalidArgument"/> when the disk gets other levels meanwhile; do it again.</exception>
    public async IAsyncEnumerable<DiskExtent> DiffAsync(int baseDepth, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        Generation start = _generation;
        ArgumentOutOfRangeException.ThrowIfLessThan(baseDepth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(baseDepth, start.Levels.Length);
        await foreach (ReadOnlyMemory<DiskExtent> batch in MapBatchesAsync(0, start.LengthBytes, cancellationToken).ConfigureAwait(false))
        {
            RequireSameLevels(start);
            for (int i = 0; i < batch.Length; i++)
            {
                DiskExtent extent = batch.Span[i];
                if (extent.Kind == ExtentKind.Free)
                {
                    foreach (DiskExtent hidden in Hidden(start, baseDepth, extent))
                    {
                        yield return hidden;
                    }
                }
                else if (extent.Depth < baseDepth)
                {
                    yield return extent;
                }
            }
        }
    }

    /// <summary>The pieces of a run that nobody holds, and where the base would show through but for a level above it that has ended.</summary>
    private static IEnumerable<DiskExtent> Hidden(Generation generation, int baseDepth, DiskExtent free)
    {
        long[] lengths = generation.LengthsBytes;

        // Beyond its own end the base reads as zero too.
        long end = baseDepth < lengths.Length ? Math.Min(free.EndBytes, lengths[baseDepth]) : 0;
        for (long at = free.OffsetBytes; at < end;)
        {
            long next = end;
            int depth = 1;
            while (depth < baseDepth && lengths[depth] > at)
            {
                next = Math.Min(next, lengths[depth++]);
            }

            if (depth < baseDepth)
            {
                yield return free with { OffsetBytes = at, LengthBytes = next - at, Kind = ExtentKind.Zero, Depth = depth, Path = generation.Levels[depth].Path };
            }

            at = next;
        }
    }

    private void RequireSameLevels(Generation start)
    {
        if (!_generation.Levels.AsSpan().SequenceEqual(start.Levels))
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{Shown}: the disk has got other levels meanwhile, so that depths mean something else. Do it again.", Path, "diff");
        }
    }
}
