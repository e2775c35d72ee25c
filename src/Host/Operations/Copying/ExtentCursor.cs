using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>Goes through a disk's runs from the start, many at a time. Beyond its end a disk has one run that reads zero, and so has no disk at all. For one user.</summary>
internal sealed class ExtentCursor : IAsyncDisposable
{
    private readonly IAsyncEnumerator<ReadOnlyMemory<DiskExtent>>? _batches;
    private ReadOnlyMemory<DiskExtent> _batch;
    private int _index;
    private bool _isAtEnd;

    public ExtentCursor(VirtualDisk? disk, CancellationToken cancellationToken)
    {
        long length = disk?.LengthBytes ?? 0;
        _isAtEnd = length == 0;
        _batches = _isAtEnd ? null : disk!.MapBatchesAsync(0, length, cancellationToken).GetAsyncEnumerator(cancellationToken);
    }

    /// <summary>The run at or behind the last place asked for; false: <see cref="AdvanceAsync"/> first.</summary>
    public bool TryFind(long offset, out DiskExtent extent)
    {
        ReadOnlySpan<DiskExtent> runs = _batch.Span;
        for (; _index < runs.Length; _index++)
        {
            if (runs[_index].EndBytes > offset)
            {
                extent = runs[_index];
                return true;
            }
        }

        extent = _isAtEnd ? Nothing(offset) : default;
        return _isAtEnd;
    }

    private static DiskExtent Nothing(long offset) => new()
    {
        OffsetBytes = offset,
        LengthBytes = long.MaxValue - offset,
        Kind = ExtentKind.Free,
        Depth = int.MaxValue,
        StorageOffset = Extent.NoOffset,
        Path = null,
        IsAllocated = false,
    };

    /// <summary>Asks for the next runs.</summary>
    public async ValueTask AdvanceAsync()
    {
        if (_isAtEnd || !await _batches!.MoveNextAsync().ConfigureAwait(false))
        {
            _isAtEnd = true;
            _batch = default;
            return;
        }

        _batch = _batches.Current;
        _index = 0;
    }

    /// <summary>The runs of two disks at one offset.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<(DiskExtent First, DiskExtent Second)> FindBothAsync(ExtentCursor first, ExtentCursor second, long offset)
    {
        DiskExtent a;
        DiskExtent b;
        while (!first.TryFind(offset, out a))
        {
            await first.AdvanceAsync().ConfigureAwait(false);
        }

        while (!second.TryFind(offset, out b))
        {
            await second.AdvanceAsync().ConfigureAwait(false);
        }

        return (a, b);
    }

    public ValueTask DisposeAsync() => _batches?.DisposeAsync() ?? default;
}
