using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>
/// Goes through a range of a disk and says which level answers each run. Levels are asked for many runs at a time; what lower ones are asked in vain
/// shrinks what they are asked next. For one user at a time, inside a request of the generation that it was made for.
/// </summary>
internal sealed class ChainMapWalk(Generation generation, long offset, long end)
{
    private const int MinRuns = 16;
    private const int MaxRuns = 1024;
    private const int MaxAsksPerFill = 64;

    private readonly LevelRuns[] _levels = new LevelRuns[generation.Images.Length];

    /// <summary>The chain that is walked through.</summary>
    public Generation Generation => generation;

    /// <summary>Where the walk has come to.</summary>
    public long OffsetBytes { get; private set; } = offset;

    /// <summary>Fills in the next runs, neighbours that are one run merged; returns how many. Stops now and then, so that the chain may change.</summary>
    public async ValueTask<int> FillAsync(Memory<DiskExtent> runs, CancellationToken cancellationToken)
    {
        int count = 0;
        for (int asks = 0; OffsetBytes < end && asks < MaxAsksPerFill; asks++)
        {
            int missing = Take(runs.Span, ref count);
            if (missing < 0)
            {
                break;
            }

            cancellationToken.ThrowIfCancellationRequested();
            await AskAsync(missing, cancellationToken).ConfigureAwait(false);
        }

        return count;
    }

    /// <summary>Takes what is in memory; returns the level that is to be asked, or -1 when there is no room for more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Take(Span<DiskExtent> runs, ref int count)
    {
        while (OffsetBytes < end)
        {
            int missing = Find(out DiskExtent next);
            if (missing >= 0)
            {
                return missing;
            }

            if (count > 0 && IsContinued(runs[count - 1], next))
            {
                ref DiskExtent last = ref runs[count - 1];
                last = last with { LengthBytes = last.LengthBytes + next.LengthBytes };
            }
            else if (count == runs.Length)
            {
                return -1;
            }
            else
            {
                runs[count++] = next;
            }

            OffsetBytes = next.EndBytes;
        }

        return -1;
    }

    /// <summary>The run at the walk's place, from what is in memory; returns the level that is to be asked for it, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Find(out DiskExtent found)
    {
        long at = OffsetBytes;
        long run = end - at;
        for (int i = 0; i < _levels.Length; i++)
        {
            long left = generation.LengthsBytes[i] - at;
            if (left <= 0)
            {
                break;
            }

            run = Math.Min(run, left);
            if (_levels[i] is not { } level || !level.TryFind(at, ref run, out Extent extent, out long skipped))
            {
                found = default;
                return i;
            }

            if (extent.Kind != ExtentKind.Free)
            {
                found = new DiskExtent
                {
                    OffsetBytes = at,
                    LengthBytes = run,
                    Kind = extent.Kind,
                    Depth = i,
                    StorageOffset = extent.StorageOffset == Extent.NoOffset ? Extent.NoOffset : extent.StorageOffset + skipped,
                    Path = generation.Levels[i].Path,
                    IsAllocated = extent.IsAllocated,
                };
                return -1;
            }
        }

        found = new DiskExtent
        {
            OffsetBytes = at,
            LengthBytes = run,
            Kind = ExtentKind.Free,
            Depth = _levels.Length,
            StorageOffset = Extent.NoOffset,
            Path = null,
            IsAllocated = false,
        };
        return -1;
    }

    private ValueTask AskAsync(int depth, CancellationToken cancellationToken)
    {
        IDiskImage image = generation.Images[depth];
        long length = Math.Min(end, generation.LengthsBytes[depth]) - OffsetBytes;
        LevelRuns level = _levels[depth] ??= new LevelRuns(depth == 0 ? MaxRuns : MinRuns);
        return level.AskAsync(image, OffsetBytes, length, cancellationToken);
    }

    public static bool IsContinued(in DiskExtent before, in DiskExtent next) =>
        before.Kind == next.Kind && before.Depth == next.Depth && before.IsAllocated == next.IsAllocated
        && (before.StorageOffset == Extent.NoOffset
            ? next.StorageOffset == Extent.NoOffset
            : next.StorageOffset == before.StorageOffset + before.LengthBytes);

    /// <summary>What one level has said last.</summary>
    private sealed class LevelRuns(int firstRuns)
    {
        private Extent[] _runs = [];
        private int _wanted = firstRuns;
        private int _count;

        // The run that starts at or before the walk's place, and where it starts on the disk.
        private int _next;
        private long _nextOffset;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryFind(long offset, ref long run, out Extent extent, out long skipped)
        {
            while (_next < _count)
            {
                ref Extent candidate = ref _runs[_next];
                skipped = offset - _nextOffset;
                if (skipped < candidate.LengthBytes)
                {
                    extent = candidate;
                    run = Math.Min(run, candidate.LengthBytes - skipped);
                    return true;
                }

                _nextOffset += candidate.LengthBytes;
                _next++;
            }

            extent = default;
            skipped = 0;
            return false;
        }

        public async ValueTask AskAsync(IDiskImage image, long offset, long lengthBytes, CancellationToken cancellationToken)
        {
            if (_count > 0)
            {
                // Either the walk has used what was asked for, or it has jumped over it.
                _wanted = _nextOffset == offset ? Math.Min(MaxRuns, _wanted * 2) : Math.Max(MinRuns, _wanted / 2);
            }

            if (_runs.Length < _wanted)
            {
                _runs = new Extent[_wanted];
            }

            _count = 0;
            int count = await image.MapRunsAsync(offset, lengthBytes, _runs.AsMemory(0, _wanted), cancellationToken).ConfigureAwait(false);
            BackendResults.Check(_runs.AsSpan(0, _wanted), count, lengthBytes, image);
            _count = count;
            _next = 0;
            _nextOffset = offset;
        }
    }
}
