using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace QedVd.TestKit;

/// <summary>
/// What concurrent requests did to a disk, and whether it can be explained: each sector of 512 bytes is a register, and there must be an order of the requests
/// upon it, each at one instant between its begin and its end, that gives every read what it got. A request over several sectors may be torn apart between them.
/// </summary>
/// <remarks>
/// <para>Every write of a test has a number of its own, which <see cref="Fill"/> puts into all of its bytes; 0 is what a zeroed sector reads. The history has a
/// clock of its own, which moves at every begin and every end: a request that begins after another was answered comes after it, whoever asks.</para>
/// <para>A request that failed or was cancelled has, by the time that this is told, taken effect or been dropped, each sector for itself. Nothing of it may come
/// later: the contract says that its range holds old bytes, new bytes or a mixture, and a cancelled one is as one that failed.</para>
/// <para>Not thread safe: for code under a <see cref="Scheduler"/>.</para>
/// </remarks>
public sealed class SectorHistory
{
    /// <summary>Bytes of a sector.</summary>
    public const int SectorBytes = 512;

    private const long Never = long.MaxValue;
    private const int MostOpen = 64;

    private readonly Dictionary<long, List<Entry>> _sectors = [];
    private readonly Dictionary<long, int> _initial = [];
    private readonly List<(long Begin, long End)> _flushes = [];
    private readonly Dictionary<int, List<Entry>> _requests = [];
    private int _lastNumber;
    private int _lastRequest;
    private long _clock;

    /// <summary>What a request did.</summary>
    private enum Kind
    {
        Read,
        Write,

        // It failed: done or not done by its end.
        Maybe,
        Discard,
    }

    /// <summary>The time: begins and ends so far. A crash between two of them has it.</summary>
    public long Now => _clock;

    /// <summary>Requests upon single sectors so far.</summary>
    public int Entries => _sectors.Values.Sum(list => list.Count);

    /// <summary>The sectors that anything was asked about.</summary>
    public IEnumerable<long> Sectors => _sectors.Keys;

    /// <summary>Flushes that were acknowledged.</summary>
    public int Flushes => _flushes.Count;

    /// <summary>A number for the next write.</summary>
    public int NextNumber() => ++_lastNumber;

    /// <summary>The bytes of a write: every sector says which write, and which sector of the disk it is.</summary>
    public static void Fill(Span<byte> bytes, long offset, int number)
    {
        for (int at = 0; at < bytes.Length; at += 8)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], (uint)number);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[(at + 4)..], (uint)((offset + at) / SectorBytes));
        }
    }

    /// <summary>The number of the write that a sector shows, 0 for zeros; -1 when it shows no single write, or one of another place.</summary>
    public static int NumberIn(ReadOnlySpan<byte> bytes, long sector)
    {
        ReadOnlySpan<byte> whole = bytes[..SectorBytes];
        if (!whole.ContainsAnyExcept((byte)0))
        {
            return 0;
        }

        int number = BinaryPrimitives.ReadInt32LittleEndian(whole);
        Span<byte> expected = stackalloc byte[SectorBytes];
        Fill(expected, sector * SectorBytes, number);
        return number > 0 && whole.SequenceEqual(expected) ? number : -1;
    }

    /// <summary>What sectors read before anything was asked.</summary>
    public void Begin(long offset, long lengthBytes, int number)
    {
        for (long sector = offset / SectorBytes; sector * SectorBytes < offset + lengthBytes; sector++)
        {
            _initial[sector] = number;
        }
    }

    /// <summary>A write of <paramref name="number"/>, or of zeros with 0, begins. Returns what <see cref="End"/> or <see cref="Fail"/> wants.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="lengthBytes">How much.</param>
    /// <param name="number">Which.</param>
    /// <param name="isDurable">It is durable once it is acknowledged, without a flush.</param>
    public int BeginWrite(long offset, long lengthBytes, int number, bool isDurable = false) => Add(offset, lengthBytes, Kind.Write, number, isDurable);

    /// <summary>A discard begins: each sector keeps what it has, or reads as zero.</summary>
    public int BeginDiscard(long offset, long lengthBytes) => Add(offset, lengthBytes, Kind.Discard, 0, isDurable: false);

    /// <summary>A write or discard was acknowledged.</summary>
    public void End(int request)
    {
        _clock++;
        _requests[request].ForEach(entry => entry.End = _clock);
    }

    /// <summary>A write or discard failed, or was cancelled: each of its sectors has been changed by now, or will never be.</summary>
    public void Fail(int request)
    {
        End(request);
        _requests[request].ForEach(entry => entry.Kind = entry.Kind == Kind.Write ? Kind.Maybe : entry.Kind);
    }

    /// <summary>A read or a flush begins. Returns what <see cref="AddRead"/> or <see cref="AddFlush"/> wants.</summary>
    public long Begin() => ++_clock;

    /// <summary>A read has ended.</summary>
    public void AddRead(long offset, ReadOnlySpan<byte> bytes, long begin)
    {
        _clock++;
        for (int at = 0; at < bytes.Length; at += SectorBytes)
        {
            long sector = (offset + at) / SectorBytes;
            Of(sector).Add(new Entry(NumberIn(bytes[at..], sector), begin) { Kind = Kind.Read, End = _clock });
        }
    }

    /// <summary>A flush was acknowledged: what had been acknowledged when it began is durable.</summary>
    public void AddFlush(long begin) => _flushes.Add((begin, ++_clock));

    /// <summary>The times at which flushes, and requests that are durable by themselves, had been acknowledged.</summary>
    public IEnumerable<long> DurableTimes =>
        _flushes.Select(flush => flush.End).Concat(_requests.Values.Select(list => list[0]).Where(entry => entry is { IsDurable: true, Kind: Kind.Write, End: not Never }).Select(entry => entry.End));

    /// <summary>What cannot be explained; null when all can.</summary>
    public string? FindViolation()
    {
        foreach ((long sector, List<Entry> entries) in _sectors.OrderBy(pair => pair.Key))
        {
            if (!IsExplained(_initial.GetValueOrDefault(sector), entries, out Entry? at))
            {
                return string.Create(CultureInfo.InvariantCulture, $"sector {sector}: no order explains {at}; began as {_initial.GetValueOrDefault(sector)}:{Tell(entries)}");
            }
        }

        return null;
    }

    /// <summary>
    /// What a crash at a time (<see cref="Now"/>) must not have left of a sector; null when it may have: a value that was overwritten for good by something that
    /// was durable, or one that nobody had begun to write.
    /// </summary>
    public string? FindLoss(long sector, ReadOnlySpan<byte> bytes, long time)
    {
        int number = NumberIn(bytes, sector);
        List<Entry> entries = _sectors.GetValueOrDefault(sector) ?? [];
        int initial = _initial.GetValueOrDefault(sector);
        long durable = _flushes.Where(flush => flush.End <= time).Select(flush => flush.Begin).DefaultIfEmpty(-1).Max();
        IEnumerable<long> ends = entries.Where(entry => entry.Kind != Kind.Read && entry.Begin <= time && entry.Number == number).Select(entry => entry.End);
        if (initial == number)
        {
            ends = ends.Append(-1);
        }

        foreach (long end in ends)
        {
            if (!entries.Exists(later => later.Kind == Kind.Write && later.Begin > end && (later.End <= durable || (later.IsDurable && later.End <= time))))
            {
                return null;
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"sector {sector} shows {number} after a crash at {time}, flushed up to {durable}; began as {initial}:{Tell(entries)}");
    }

    private static string Tell(List<Entry> entries)
    {
        var text = new StringBuilder();
        foreach (Entry entry in entries.OrderBy(entry => entry.Begin))
        {
            text.Append("\n    ").Append(entry);
        }

        return text.ToString();
    }

    // All ways to order what is open so far are carried on side by side. A way is what the sector holds, and which of the open requests have had their instant.
    private static bool IsExplained(int initial, List<Entry> entries, out Entry? failed)
    {
        failed = null;
        (long Time, bool IsEnd, Entry Entry)[] events =
        [
            .. entries.Select(entry => (entry.Begin, false, entry)).Concat(entries.Where(entry => entry.End != Never).Select(entry => (entry.End, true, entry)))
                .OrderBy(each => each.Item1),
        ];
        List<Entry?> open = [];
        HashSet<(int Value, ulong Done)> ways = [(initial, 0)];
        foreach ((_, bool isEnd, Entry entry) in events)
        {
            if (!isEnd)
            {
                int slot = open.IndexOf(null);
                if (slot < 0)
                {
                    slot = open.Count;
                    open.Add(entry);
                    if (slot == MostOpen)
                    {
                        throw new InvalidOperationException($"More than {MostOpen} requests upon one sector at once.");
                    }
                }

                open[slot] = entry;
                continue;
            }

            ways = EndOne(ways, open, open.IndexOf(entry));
            if (ways.Count == 0)
            {
                failed = entry;
                return false;
            }
        }

        return true;
    }

    private static HashSet<(int Value, ulong Done)> EndOne(HashSet<(int Value, ulong Done)> ways, List<Entry?> open, int slot)
    {
        ulong bit = 1UL << slot;
        HashSet<(int Value, ulong Done)> after = [];
        HashSet<(int Value, ulong Done)> seen = [.. ways];
        Stack<(int Value, ulong Done)> left = new(ways);
        while (left.TryPop(out (int Value, ulong Done) way))
        {
            if ((way.Done & bit) != 0)
            {
                after.Add((way.Value, way.Done & ~bit));
                continue;
            }

            for (int i = 0; i < open.Count; i++)
            {
                if (open[i] is not { } next || (way.Done & (1UL << i)) != 0 || (next.Kind == Kind.Read && next.Number != way.Value))
                {
                    continue;
                }

                ulong done = way.Done | (1UL << i);
                if (next.Kind != Kind.Write)
                {
                    Push(way.Value, done);
                }

                if (next.Kind != Kind.Read)
                {
                    Push(next.Number, done);
                }
            }
        }

        open[slot] = null;
        return after;

        void Push(int value, ulong done)
        {
            if (seen.Add((value, done)))
            {
                left.Push((value, done));
            }
        }
    }

    private int Add(long offset, long lengthBytes, Kind kind, int number, bool isDurable)
    {
        _clock++;
        List<Entry> entries = [];
        for (long sector = offset / SectorBytes; sector * SectorBytes < offset + lengthBytes; sector++)
        {
            var entry = new Entry(number, _clock) { Kind = kind, IsDurable = isDurable };
            entries.Add(entry);
            Of(sector).Add(entry);
        }

        _requests.Add(++_lastRequest, entries);
        return _lastRequest;
    }

    private List<Entry> Of(long sector)
    {
        if (!_sectors.TryGetValue(sector, out List<Entry>? entries))
        {
            _sectors.Add(sector, entries = []);
        }

        return entries;
    }

    private sealed class Entry(int number, long begin)
    {
        public Kind Kind { get; set; }

        public int Number => number;

        public long Begin => begin;

        public long End { get; set; } = Never;

        public bool IsDurable { get; init; }

        public override string ToString()
        {
            string what = Kind == Kind.Discard ? "discard" : Kind == Kind.Read ? $"read {number}" : number == 0 ? "zero" : $"write {number}";
            string end = End == Never ? "no end" : End.ToString(CultureInfo.InvariantCulture);
            return $"{what} from {begin} to {end}{(Kind == Kind.Maybe ? ", failed" : "")}{(IsDurable ? ", durable" : "")}";
        }
    }
}
