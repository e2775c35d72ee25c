namespace QedVd.TestKit;

/// <summary>
/// What lies beneath the image that is explored, as a host would supply it: levels of bytes, the nearest first, each with a length and runs that it holds.
/// Never changes.
/// </summary>
public sealed class ParentLevels
{
    /// <summary>From this number on "writers" are levels; see <see cref="SectorValue.Of(int, long)"/>.</summary>
    internal const int FirstWriter = 0xFF00;

    private readonly (long LengthBytes, (long Start, long End)[] Held)[] _levels;

    /// <summary>Creates the levels.</summary>
    /// <param name="levels">The nearest first: its length in bytes, and the runs (start, end) that it holds itself. Where it holds nothing, the next is asked; behind its end it is zeros.</param>
    public ParentLevels(params (long LengthBytes, (long Start, long End)[] Held)[] levels)
    {
        ArgumentNullException.ThrowIfNull(levels);
        _levels = levels;
        LengthBytes = levels.Length == 0 ? 0 : levels.Max(level => level.LengthBytes);
        HeldRuns = [.. levels.SelectMany(level => level.Held.Select(run => (run.Start, End: Math.Min(run.End, level.LengthBytes)))).Where(run => run.Start < run.End).Order()];
    }

    /// <summary>How many there are.</summary>
    public int Depth => _levels.Length;

    /// <summary>The length of the longest.</summary>
    public long LengthBytes { get; }

    /// <summary>What the host tells the image.</summary>
    public Beneath Beneath => Depth == 0 ? Beneath.Nothing : Beneath.UpTo(LengthBytes);

    /// <summary>All runs that any level holds.</summary>
    public IReadOnlyList<(long Start, long End)> HeldRuns { get; }

    /// <summary>Reads through the levels.</summary>
    public void Read(long offset, Span<byte> target)
    {
        Span<byte> bytes = stackalloc byte[SparseBytes.SectorBytes];
        for (int done = 0; done < target.Length;)
        {
            long sector = (offset + done) / SparseBytes.SectorBytes;
            int start = (int)((offset + done) % SparseBytes.SectorBytes);
            int count = Math.Min(SparseBytes.SectorBytes - start, target.Length - done);
            ReadSector(sector, bytes);
            bytes.Slice(start, count).CopyTo(target[done..]);
            done += count;
        }
    }

    /// <summary>The number of a sector's content.</summary>
    public ulong ValueOf(long sector)
    {
        if (_levels.Length == 0 || sector * SparseBytes.SectorBytes >= LengthBytes)
        {
            return SectorValue.Zero;
        }

        Span<byte> bytes = stackalloc byte[SparseBytes.SectorBytes];
        ReadSector(sector, bytes);
        return SectorValue.Of(bytes);
    }

    private void ReadSector(long sector, Span<byte> target)
    {
        long offset = sector * SparseBytes.SectorBytes;
        target.Clear();
        for (int level = 0; level < _levels.Length; level++)
        {
            (long length, (long Start, long End)[] held) = _levels[level];
            if (offset >= length)
            {
                return;
            }

            foreach ((long start, long end) in held)
            {
                if (offset >= start && offset < end)
                {
                    int inside = (int)Math.Min(length - offset, SparseBytes.SectorBytes);
                    SectorValue.Fill(target, FirstWriter + level, sector);
                    target[inside..].Clear();
                    return;
                }
            }
        }
    }
}
