namespace QedVd.Host;

/// <summary>What a push would do.</summary>
/// <param name="DataBytes">What it would copy.</param>
/// <param name="NewBytes">What of that the target has no room for in its file yet.</param>
internal readonly record struct PushEstimate(long DataBytes, long NewBytes)
{
    /// <summary>Looks at the tables of the levels only.</summary>
    /// <param name="levels">The levels that are pushed, the highest first.</param>
    /// <param name="target">Where to.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async ValueTask<PushEstimate> OfAsync(IReadOnlyList<Level> levels, Level target, CancellationToken cancellationToken)
    {
        var union = new Generation(levels);
        var walk = new PushWalk(union, 0, union.LengthBytes);
        var room = new RoomWalk(target.Image);
        int block = Math.Max(1, target.Image.Limits.BlockBytes);
        long data = 0;
        long fresh = 0;
        long seen = 0;
        while (await walk.NextAsync(long.MaxValue, cancellationToken).ConfigureAwait(false) is { } run)
        {
            if (run.Kind != PushKind.Data)
            {
                continue;
            }

            data += run.LengthBytes;
            long start = Math.Max(seen, run.OffsetBytes - (run.OffsetBytes % block));
            seen = Generation.RoundUp(run.EndBytes, block);
            fresh += await room.CountFreshAsync(start, seen, cancellationToken).ConfigureAwait(false);
        }

        return new PushEstimate(data, fresh);
    }

    /// <summary>Goes through one image, forward only.</summary>
    private sealed class RoomWalk(IDiskImage image)
    {
        private const int RunsPerAsk = 256;

        private readonly long _end = image.VirtualSizeBytes;
        private readonly Extent[] _runs = new Extent[RunsPerAsk];
        private int _count;
        private int _next;
        private long _at;

        /// <summary>How much between two places has no room in the storage.</summary>
        public async ValueTask<long> CountFreshAsync(long start, long end, CancellationToken cancellationToken)
        {
            long fresh = Math.Max(0, end - Math.Max(start, _end));
            end = Math.Min(end, _end);
            while (start < end)
            {
                if (_next == _count)
                {
                    _at = Math.Max(_at, start);
                    _next = 0;
                    _count = await image.MapRunsAsync(_at, _end - _at, _runs, cancellationToken).ConfigureAwait(false);
                    BackendResults.Check(_runs, _count, _end - _at, image);
                }

                Extent run = _runs[_next];
                long runEnd = _at + run.LengthBytes;
                long part = Math.Min(end, runEnd) - start;
                if (part > 0)
                {
                    fresh += run.Kind == ExtentKind.Data || run.IsAllocated ? 0 : part;
                    start += part;
                }

                if (runEnd <= start)
                {
                    _at = runEnd;
                    _next++;
                }
            }

            return fresh;
        }
    }
}
