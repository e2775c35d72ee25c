namespace QedVd.Host;

/// <summary>
/// Mutual exclusion by byte range, first come first served among those that overlap. Waiting takes no thread in the asynchronous mode; no lock is
/// held while anyone works.
/// </summary>
internal sealed class RangeLock
{
    private const int MaxSpareEntries = 64;

    private readonly Lock _lock = new();

    // Holders and waiters in order of arrival; few at a time, so that looking through them is cheap.
    private readonly List<Entry> _entries = [];
    private readonly Stack<Entry> _spare = [];

    /// <summary>Waits until nobody before holds or wants a part of the range. Give the entry back with <see cref="Exit"/>.</summary>
    public ValueTask<Entry> EnterAsync<TIo>(long startBytes, long endBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        Entry entry;
        lock (_lock)
        {
            entry = _spare.TryPop(out Entry? spare) ? spare : new Entry();
            entry.StartBytes = startBytes;
            entry.EndBytes = endBytes;
            entry.Granted = IsBlocked(entry, _entries.Count) ? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) : null;
            _entries.Add(entry);
        }

        return entry.Granted is { } granted ? WaitAsync<TIo>(entry, granted.Task, cancellationToken) : new ValueTask<Entry>(entry);
    }

    /// <summary>Gives the range back, or up.</summary>
    public void Exit(Entry entry)
    {
        lock (_lock)
        {
            int index = _entries.IndexOf(entry);
            _entries.RemoveAt(index);
            for (int i = index; i < _entries.Count; i++)
            {
                Entry waiter = _entries[i];
                if (waiter.Granted is { } granted && !IsBlocked(waiter, i))
                {
                    // Its continuation runs on the pool, not here.
                    waiter.Granted = null;
                    granted.TrySetResult();
                }
            }

            if (_spare.Count < MaxSpareEntries)
            {
                _spare.Push(entry);
            }
        }
    }

    private async ValueTask<Entry> WaitAsync<TIo>(Entry entry, Task granted, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            await TIo.WaitAsync(granted, cancellationToken).ConfigureAwait(false);
            return entry;
        }
        catch
        {
            Exit(entry);
            throw;
        }
    }

    private bool IsBlocked(Entry entry, int before)
    {
        for (int i = 0; i < before; i++)
        {
            if (_entries[i].StartBytes < entry.EndBytes && entry.StartBytes < _entries[i].EndBytes)
            {
                return true;
            }
        }

        return false;
    }

    internal sealed class Entry
    {
        public long StartBytes { get; set; }

        public long EndBytes { get; set; }

        /// <summary>Null once the range is held.</summary>
        public TaskCompletionSource? Granted { get; set; }
    }
}
