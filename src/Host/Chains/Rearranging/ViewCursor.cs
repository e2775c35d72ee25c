using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>Says of one offset after the other, never going back, which run of a view it lies in. Asks for many runs at a time. For one user at a time.</summary>
internal sealed class ViewCursor(ChainView view, long end)
{
    private const int RunsPerFill = 256;

    private readonly DiskExtent[] _runs = new DiskExtent[RunsPerFill];
    private ChainMapWalk? _walk = view.Walk(0, end);
    private int _next;
    private int _count;

    /// <summary>The rest of the run at an offset, not beyond the end.</summary>
    public ValueTask<DiskExtent> AtAsync(long offset, CancellationToken cancellationToken) =>
        TryFind(offset, out DiskExtent run) ? new ValueTask<DiskExtent>(run) : FillAsync(offset, cancellationToken);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DiskExtent> FillAsync(long offset, CancellationToken cancellationToken)
    {
        if (offset > _walk!.OffsetBytes)
        {
            _walk = view.Walk(offset, end);
        }

        while (true)
        {
            _next = 0;
            _count = await _walk!.FillAsync(_runs, cancellationToken).ConfigureAwait(false);
            if (TryFind(offset, out DiskExtent run))
            {
                return run;
            }
        }
    }

    private bool TryFind(long offset, out DiskExtent run)
    {
        if (_walk is null)
        {
            run = new DiskExtent
            {
                OffsetBytes = offset,
                LengthBytes = end - offset,
                Kind = ExtentKind.Free,
                Depth = 0,
                StorageOffset = Extent.NoOffset,
                Path = null,
                IsAllocated = false,
            };
            return true;
        }

        for (; _next < _count; _next++)
        {
            ref DiskExtent found = ref _runs[_next];
            long skipped = offset - found.OffsetBytes;
            if (skipped < found.LengthBytes)
            {
                run = found with
                {
                    OffsetBytes = offset,
                    LengthBytes = found.LengthBytes - skipped,
                    StorageOffset = found.StorageOffset == Extent.NoOffset ? Extent.NoOffset : found.StorageOffset + skipped,
                };
                return true;
            }
        }

        run = default;
        return false;
    }
}
