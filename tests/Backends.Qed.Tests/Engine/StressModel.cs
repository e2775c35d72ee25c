using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>
/// What each sector has been told to be, and when. One request at a time concerns a sector; a flush covers what was acknowledged before it began.
/// </summary>
internal sealed class StressModel(byte[]? parent)
{
    public const int Initial = -1;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, List<Event>> _events = [];
    private readonly List<Event> _flushes = [];
    private int _tags;

    /// <summary>A value that no other write uses.</summary>
    public int NextTag() => Interlocked.Increment(ref _tags);

    /// <summary>What a sector holds that was filled with a tag; 0 is zeros.</summary>
    public byte[] Content(int sector, int tag)
    {
        byte[] content = new byte[StressPlan.SectorBytes];
        if (tag == Initial)
        {
            int start = sector * StressPlan.SectorBytes;
            if (parent is not null && start < parent.Length)
            {
                parent.AsSpan(start, Math.Min(content.Length, parent.Length - start)).CopyTo(content);
            }
        }
        else
        {
            for (int i = 0; i < content.Length; i += sizeof(int))
            {
                BinaryPrimitives.WriteInt32LittleEndian(content.AsSpan(i), tag);
            }
        }

        return content;
    }

    public Event Begin(int firstSector, int count, int tag, bool isForced)
    {
        Event change = new() { Tag = tag, IsForced = isForced };
        for (int i = 0; i < count; i++)
        {
            Of(firstSector + i).Add(change);
        }

        return change;
    }

    public Event BeginFlush()
    {
        Event flush = new();
        lock (_lock)
        {
            _flushes.Add(flush);
        }

        return flush;
    }

    /// <summary>What a sector may read as while nobody crashes: the last acknowledged value, or what failed since.</summary>
    public HashSet<int> Live(int sector)
    {
        List<Event> events = Of(sector);
        int last = events.FindLastIndex(change => change.IsAcknowledged);
        return [last < 0 ? Initial : events[last].Tag, .. events.Skip(last + 1).Select(change => change.Tag)];
    }

    /// <summary>Finds the places of all events in the trace.</summary>
    public void Resolve(IReadOnlyList<StorageOperation> trace)
    {
        foreach (StorageOperation operation in trace)
        {
            if (operation.Note is (Event change, bool isEnd))
            {
                (change.Start, change.End) = isEnd ? (change.Start, operation.Index) : (operation.Index, change.End);
            }
        }
    }

    /// <summary>What a sector may read as after a crash when the trace had come to a position.</summary>
    public HashSet<int> Allowed(int sector, int position, bool keepsAcknowledged)
    {
        List<Event> events = Of(sector);
        int last = events.FindLastIndex(change => change.End < position
            && (keepsAcknowledged || change.IsForced || _flushes.Exists(flush => flush.Start > change.End && flush.End < position)));
        HashSet<int> allowed = [last < 0 ? Initial : events[last].Tag];
        allowed.UnionWith(events.Skip(last + 1).Where(change => change.Start < position).Select(change => change.Tag));
        return allowed;
    }

    private List<Event> Of(int sector)
    {
        lock (_lock)
        {
            if (!_events.TryGetValue(sector, out List<Event>? events))
            {
                _events.Add(sector, events = []);
            }

            return events;
        }
    }

    /// <summary>A change or a flush: noted in the trace when it begins, and when it was acknowledged. One that failed has no end.</summary>
    public sealed class Event
    {
        public int Tag { get; init; }

        public bool IsForced { get; init; }

        public bool IsAcknowledged { get; set; }

        public int Start { get; set; } = int.MaxValue;

        public int End { get; set; } = int.MaxValue;
    }
}
