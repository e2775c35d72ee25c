namespace QedVd.Host;

/// <summary>
/// Goes through what some neighbouring levels hold together, and says what a push of them does: neighbouring runs of one kind are one. For one user at a time.
/// </summary>
/// <param name="union">The levels, the highest first.</param>
/// <param name="offset">Where to start.</param>
/// <param name="end">Where to end; not behind the end of the highest of them.</param>
internal sealed class PushWalk(Generation union, long offset, long end)
{
    private const int RunsPerFill = 256;

    // So that making zeros can be stopped.
    private const long MaxZeroBytes = 1L << 30;

    // A level that ends hides what a longer one beneath it holds there: that reads as zero.
    private readonly long _hiddenFrom = union.LengthsBytes.Min();
    private readonly ChainMapWalk _walk = new(union, offset, end);
    private readonly DiskExtent[] _extents = new DiskExtent[RunsPerFill];
    private int _count;
    private int _next;

    // What is left of the extent that was looked at last.
    private PushRun _rest;

    /// <summary>The next run, as long as it is of one kind; data not across a multiple of <paramref name="unitBytes"/>; null at the end.</summary>
    public async ValueTask<PushRun?> NextAsync(long unitBytes, CancellationToken cancellationToken)
    {
        PushRun run = default;
        while (await FillRestAsync(cancellationToken).ConfigureAwait(false))
        {
            if (run.LengthBytes == 0)
            {
                run = _rest with { LengthBytes = 0 };
            }
            else if (run.Kind != _rest.Kind)
            {
                return run;
            }

            long unit = run.Kind == PushKind.Data ? unitBytes : MaxZeroBytes;
            long room = unit - (run.OffsetBytes % unit) - run.LengthBytes;
            long taken = run.Kind == PushKind.Skip ? _rest.LengthBytes : Math.Min(room, _rest.LengthBytes);
            run = run with { LengthBytes = run.LengthBytes + taken };
            _rest = _rest with { OffsetBytes = _rest.OffsetBytes + taken, LengthBytes = _rest.LengthBytes - taken };
            if (run.Kind != PushKind.Skip && taken == room)
            {
                return run;
            }
        }

        return run.LengthBytes > 0 ? run : null;
    }

    private async ValueTask<bool> FillRestAsync(CancellationToken cancellationToken)
    {
        while (_rest.LengthBytes == 0)
        {
            if (_next == _count)
            {
                if (_walk.OffsetBytes >= end)
                {
                    return false;
                }

                _next = 0;
                _count = await _walk.FillAsync(_extents, cancellationToken).ConfigureAwait(false);
                continue;
            }

            Take(_extents[_next]);
        }

        return true;
    }

    private void Take(DiskExtent extent)
    {
        // A free run is cut where it begins to hide something.
        long length = extent.LengthBytes;
        bool isFree = extent.Kind == ExtentKind.Free;
        if (isFree && extent.OffsetBytes < _hiddenFrom && extent.EndBytes > _hiddenFrom)
        {
            length = _hiddenFrom - extent.OffsetBytes;
            _extents[_next] = extent with { OffsetBytes = _hiddenFrom, LengthBytes = extent.LengthBytes - length };
        }
        else
        {
            _next++;
        }

        PushKind kind = extent.Kind == ExtentKind.Data ? PushKind.Data : isFree && extent.OffsetBytes < _hiddenFrom ? PushKind.Skip : PushKind.Zero;
        _rest = new PushRun(kind, extent.OffsetBytes, length);
    }
}
