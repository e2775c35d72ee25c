namespace QedVd.Host;

/// <summary>
/// Changes and fills of a read cache that are under way, so that a fill keeps nothing that a change may have overtaken: a change spoils the fills that it
/// meets, before it forgets the blocks; a fill that begins during a change is spoiled from the start.
/// </summary>
internal sealed class ReadCacheRequests
{
    private const int MaxSpareEntries = 64;

    private readonly Lock _lock = new();
    private readonly List<Entry> _changes = [];
    private readonly List<Entry> _fills = [];
    private readonly Stack<Entry> _spare = [];

    public Entry BeginChange(long start, long end)
    {
        lock (_lock)
        {
            Entry change = Take(start, end);
            _changes.Add(change);
            foreach (Entry fill in _fills)
            {
                fill.IsSpoiled |= fill.Overlaps(change);
            }

            return change;
        }
    }

    public void EndChange(Entry change)
    {
        lock (_lock)
        {
            _changes.Remove(change);
            GiveBack(change);
        }
    }

    public Entry BeginFill(long start, long end)
    {
        lock (_lock)
        {
            Entry fill = Take(start, end);
            foreach (Entry change in _changes)
            {
                fill.IsSpoiled |= change.Overlaps(fill);
            }

            _fills.Add(fill);
            return fill;
        }
    }

    /// <summary>Ends it, and keeps the bytes unless it was spoiled: under the lock, so that a change that begins then finds them and forgets them.</summary>
    public void EndFill(Entry fill, ReadCacheFilter? keep, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            if (!fill.IsSpoiled)
            {
                keep?.Keep(fill.StartBytes, bytes);
            }

            _fills.Remove(fill);
            GiveBack(fill);
        }
    }

    private Entry Take(long start, long end)
    {
        Entry entry = _spare.TryPop(out Entry? spare) ? spare : new Entry();
        (entry.StartBytes, entry.EndBytes, entry.IsSpoiled) = (start, end, false);
        return entry;
    }

    private void GiveBack(Entry entry)
    {
        if (_spare.Count < MaxSpareEntries)
        {
            _spare.Push(entry);
        }
    }

    internal sealed class Entry
    {
        public long StartBytes { get; set; }

        public long EndBytes { get; set; }

        public bool IsSpoiled { get; set; }

        public bool Overlaps(Entry other) => StartBytes < other.EndBytes && other.StartBytes < EndBytes;
    }
}
