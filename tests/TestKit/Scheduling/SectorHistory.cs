using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace QedVd.TestKit;

/// <summary>
/// What concurrent requests did to a disk, and whether it can be explained: each sector of 512 bytes is a register, and there must be an order of the requests
/// upon it, each at one instant between its begin and its end, that gives every read what it got. A request over several sectors may be torn apart between them.
/// </summary>
/// <remarks>
/// Every write of a test has a number of its own, which <see cref="Fill"/> puts into all of its bytes; 0 is what a zeroed sector reads. Not thread safe: for code
/// under a <see cref="Scheduler"/>, whose steps are the time.
/// </remarks>
public sealed class SectorHistory
{
    /// <summary>Bytes of a sector.</summary>
    public const int SectorBytes = 512;

    private const long Never = long.MaxValue;

    private readonly Dictionary<long, List<Entry>> _sectors = [];
    private readonly Dictionary<long, int> _initial = [];
    private readonly List<(long Begin, long End)> _flushes = [];
    private int _lastNumber;

    /// <summary>What a request did.</summary>
    private enum Kind
    {
        Read,
        Write,
        Discard,
    }

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

    /// <summary>A write of <paramref name="number"/>, or of zeros with 0, has begun. Returns what <see cref="End(long, long, int, long)"/> wants when it is acknowledged.</summary>
    public int BeginWrite(long offset, long lengthBytes, int number, long step) => Add(offset, lengthBytes, new Entry(Kind.Write, number, step));

    /// <summary>A discard has begun: each sector keeps what it has, or reads as zero.</summary>
    public int BeginDiscard(long offset, long lengthBytes, long step) => Add(offset, lengthBytes, new Entry(Kind.Discard, 0, step));

    /// <summary>A write or discard was acknowledged. One that failed never is: it may have been done in any part, at any time from its begin on.</summary>
    public void End(long offset, long lengthBytes, int request, long step)
    {
        for (long sector = offset / SectorBytes; sector * SectorBytes < offset + lengthBytes; sector++)
        {
            _sectors[sector].Find(entry => entry.Request == request)!.End = step;
        }
    }

    /// <summary>A read has ended that began at a step.</summary>
    public void AddRead(long offset, ReadOnlySpan<byte> bytes, long begin, long end)
    {
        for (int at = 0; at < bytes.Length; at += SectorBytes)
        {
            long sector = (offset + at) / SectorBytes;
            Of(sector).Add(new Entry(Kind.Read, NumberIn(bytes[at..], sector), begin) { End = end });
        }
    }

    /// <summary>A flush was acknowledged: what had been acknowledged when it began is durable.</summary>
    public void AddFlush(long begin, long end) => _flushes.Add((begin, end));

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
    /// What a crash after <paramref name="step"/> must not have left of a sector; null when it may have: a value that was overwritten for good by something that
    /// a flush had made durable, or one that nobody had begun to write.
    /// </summary>
    public string? FindLoss(long sector, ReadOnlySpan<byte> bytes, long step)
    {
        int number = NumberIn(bytes, sector);
        List<Entry> entries = _sectors.GetValueOrDefault(sector) ?? [];
        int initial = _initial.GetValueOrDefault(sector);
        long durable = _flushes.Where(flush => flush.End <= step).Select(flush => flush.Begin).DefaultIfEmpty(-1).Max();
        IEnumerable<long> ends = entries.Where(entry => entry.Kind != Kind.Read && entry.Begin < step && (entry.Kind == Kind.Discard ? 0 : entry.Number) == number).Select(entry => entry.End);
        if (initial == number)
        {
            ends = ends.Append(-1);
        }

        foreach (long end in ends)
        {
            if (!entries.Exists(later => later.Kind == Kind.Write && later.Begin > end && later.End <= durable))
            {
                return null;
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"sector {sector} shows {number} after a crash at step {step}, flushed up to {durable}; began as {initial}:{Tell(entries)}");
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
                .OrderBy(each => each.Item1).ThenBy(each => each.Item2),
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
                Push(next.Kind == Kind.Write ? next.Number : way.Value, done);
                if (next.Kind == Kind.Discard)
                {
                    Push(0, done);
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

    private int Add(long offset, long lengthBytes, Entry entry)
    {
        entry.Request = ++_requests;
        for (long sector = offset / SectorBytes; sector * SectorBytes < offset + lengthBytes; sector++)
        {
            Of(sector).Add(entry with { });
        }

        return entry.Request;
    }

    private int _requests;

    private List<Entry> Of(long sector)
    {
        if (!_sectors.TryGetValue(sector, out List<Entry>? entries))
        {
            _sectors.Add(sector, entries = []);
        }

        return entries;
    }

    private sealed record Entry(Kind Kind, int Number, long Begin)
    {
        public long End { get; set; } = Never;

        public int Request { get; set; }

        // One sector, one entry.
        public bool Equals(Entry? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

        public override string ToString() =>
            FormattableString.Invariant($"{(Kind == Kind.Write && Number == 0 ? "zero" : Kind.ToString().ToLowerInvariant())}{(Kind == Kind.Discard ? "" : $" {Number}")} from {Begin} to {(End == Never ? "no end" : End.ToString(CultureInfo.InvariantCulture))}");
    }
}
