using System.Runtime.CompilerServices;

namespace QedVd.Backends.Qed;

/// <summary>
/// Where a storage has holes, remembered for the length of one walk: asking costs microseconds, and scattered clusters ask about the same run again
/// and again. Bounded: starts over when it is full. For one user at a time.
/// </summary>
/// <param name="storage">Is asked what is not remembered.</param>
/// <param name="rememberHoles">
/// Only while nothing is written: a hole remembered from before a write would make data look like zeros. Data that is remembered and has become a
/// hole since merely looks like data.
/// </param>
internal sealed class StorageHoles(IImageStorage storage, bool rememberHoles)
{
    private const int FirstRuns = 16;
    private const int MaxRuns = 2048;

    private readonly bool _canMapHoles = (storage.Facts & StorageFacts.CanMapHoles) != 0;

    // Sorted by start, without overlap.
    private Run[] _runs = [];
    private int _count;

    // The run found last.
    private Run _last;

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _count = 0;
        _last = default;
    }

    /// <summary>What the storage has at an offset: whether it is a hole, and how long that holds; at least 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public StorageExtent At(long offset)
    {
        if (offset >= _last.Start && offset < _last.End)
        {
            return new StorageExtent(_last.End - offset, _last.IsHole);
        }

        return _canMapHoles ? Find(offset) : new StorageExtent(long.MaxValue - offset, IsHole: false);
    }

    private StorageExtent Find(long offset)
    {
        int index = IndexBehind(offset) - 1;
        if (index >= 0 && offset < _runs[index].End)
        {
            _last = _runs[index];
            return new StorageExtent(_last.End - offset, _last.IsHole);
        }

        StorageExtent extent = storage.GetExtent(offset);
        if (extent.LengthBytes <= 0)
        {
            // At or beyond the end, where reading fails: nothing that could be told from data.
            return new StorageExtent(long.MaxValue - offset, IsHole: false);
        }

        if (rememberHoles || !extent.IsHole)
        {
            Remember(new Run(offset, offset + extent.LengthBytes, extent.IsHole));
        }

        return extent;
    }

    /// <summary>The answer begins where was asked, so that a later one may swallow earlier ones.</summary>
    private void Remember(Run run)
    {
        int first = IndexBehind(run.Start);
        int end = first;
        for (; end < _count && (_runs[end].Start < run.End || (_runs[end].Start == run.End && _runs[end].IsHole == run.IsHole)); end++)
        {
            run = run.IsHole == _runs[end].IsHole ? run with { End = Math.Max(run.End, _runs[end].End) } : run;
        }

        if (first == end && _count == MaxRuns)
        {
            Clear();
            first = end = 0;
        }

        if (first == end)
        {
            if (_count == _runs.Length)
            {
                Array.Resize(ref _runs, Math.Max(FirstRuns, _count * 2));
            }

            Array.Copy(_runs, first, _runs, first + 1, _count - first);
            _count++;
        }
        else
        {
            Array.Copy(_runs, end, _runs, first + 1, _count - end);
            _count -= end - first - 1;
        }

        _runs[first] = run;
        _last = run;
    }

    /// <summary>Index of the first run that starts behind an offset.</summary>
    private int IndexBehind(long offset)
    {
        int low = 0;
        int high = _count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_runs[middle].Start <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private readonly record struct Run(long Start, long End, bool IsHole);
}
