using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>
/// A sequence of guest requests on a recorded file, and what each sector may read as after a crash: the value of the last flush, or one of those
/// that were written since.
/// </summary>
internal sealed class CrashWorkload(SimulatedFile file, int sizeBytes, byte[]? parent, ConsistencyMode mode = ConsistencyMode.Ordered)
{
    public const int SectorBytes = 512;

    // The parts of the disk that workloads may touch: all that is looked at after each of thousands of crashes.
    public const int TouchedBytes = 32 * 4096;
    private static readonly int[] s_touched = [0, 512 * 4096];

    private readonly List<GuestChange> _changes = [];
    private (HashSet<byte>[], bool[])? _allowed;
    private int _allowedPosition = -1;
    private int _flushes;

    public SimulatedFile File => file;

    public QedImage Image { get; private set; } = null!;

    public CrashWorkload Open()
    {
        Image = Images.Open(file, mode);
        Image.SetBeneath(parent is null ? Beneath.Nothing : Beneath.UpTo(parent.Length));
        return this;
    }

    /// <summary>Writes whole sectors, each filled with a byte that no other write uses.</summary>
    public CrashWorkload Write(long offset, int length) => Change(offset, length, (byte)(_changes.Count + 1), mayStay: false, value => GuestDisk.Write(Image, offset, value, parent));

    public CrashWorkload Zero(long offset, int length) => Change(offset, length, 0, mayStay: false, value => GuestDisk.WriteZeroes(Image, offset, value.Length, parent));

    public CrashWorkload Discard(long offset, int length) => Change(offset, length, 0, mayStay: true, value => Image.Discard(offset, value.Length));

    public CrashWorkload Flush()
    {
        int number = _flushes++;
        file.Mark(("flush", number, _changes.Count));
        Image.Flush();
        file.Mark(("flushed", number, _changes.Count));
        return this;
    }

    public CrashWorkload Close()
    {
        file.Mark(("flush", _flushes, _changes.Count));
        Image.Close();
        file.Mark(("flushed", _flushes++, _changes.Count));
        return this;
    }

    /// <summary>Opens what a crash left, and fails the test unless it is sound and has the right bytes, also after further writes.</summary>
    public void Verify(CrashState state)
    {
        CheckReport report = Images.Check(state.File);
        Assert.True(report.IsSound, $"{state.Description}\n{string.Join('\n', report.Findings)}\n{Trace()}");

        using (QedImage image = Images.Open(state.File))
        {
            image.SetBeneath(parent is null ? Beneath.Nothing : Beneath.UpTo(parent.Length));
            byte[] seen = ReadTouched(image);
            (HashSet<byte>[] allowed, bool[] isOverwritten) = Allowed(state.Position);
            for (int i = 0; i < seen.Length / SectorBytes; i++)
            {
                int sector = SectorAt(i);
                ReadOnlySpan<byte> bytes = seen.AsSpan(i * SectorBytes, SectorBytes);
                bool isOld = !isOverwritten[sector] && bytes.SequenceEqual(Initial(sector));
                bool isWritten = allowed[sector].Contains(bytes[0]) && !bytes.ContainsAnyExcept(bytes[0]);
                Assert.True(isOld || isWritten, $"sector {sector} reads {bytes[0]:x2}, allowed {string.Join(',', allowed[sector])}\n{state.Description}\n{Trace()}");
            }

            // No silent damage later: what is allocated next must not be shared with anything.
            foreach (int start in s_touched)
            {
                GuestDisk.Write(image, start + TouchedBytes, ConcurrencyTests.Pattern(4096, 77), parent);
            }

            Assert.True(ReadTouched(image).AsSpan().SequenceEqual(seen), $"a later write has changed something else\n{state.Description}\n{Trace()}");
        }

        Assert.True(Images.Check(state.File).IsSound, state.Description);
    }

    public string Trace() => string.Join('\n', file.Trace);

    private CrashWorkload Change(long offset, int length, byte value, bool mayStay, Action<byte[]> act)
    {
        byte[] data = new byte[length];
        Array.Fill(data, value);
        _changes.Add(new GuestChange(offset, length, value, mayStay, file.Trace.Count));
        file.Mark(("change", _changes.Count - 1, 0));
        act(data);
        return this;
    }

    private static int SectorAt(int index) => (s_touched[index * SectorBytes / TouchedBytes] / SectorBytes) + (index % (TouchedBytes / SectorBytes));

    private byte[] ReadTouched(QedImage image) => [.. s_touched.SelectMany(start => GuestDisk.Read(image, start, TouchedBytes, parent))];

    private (HashSet<byte>[] Values, bool[] IsOverwritten) Allowed(int position)
    {
        if (position == _allowedPosition)
        {
            return _allowed!.Value;
        }

        int durable = 0;
        foreach (StorageOperation operation in file.Trace.Take(position))
        {
            if (operation.Note is (string what, int _, int changes) && what == "flushed")
            {
                durable = Math.Max(durable, changes);
            }
        }

        HashSet<byte>[] allowed = [.. Enumerable.Range(0, sizeBytes / SectorBytes).Select(_ => new HashSet<byte>())];
        bool[] isOverwritten = new bool[allowed.Length];
        for (int i = 0; i < _changes.Count && _changes[i].TraceIndex < position; i++)
        {
            GuestChange change = _changes[i];
            for (long sector = change.Offset / SectorBytes; sector < (change.Offset + change.Length) / SectorBytes; sector++)
            {
                if (i < durable && !change.MayStay)
                {
                    allowed[sector].Clear();
                    isOverwritten[sector] = true;
                }

                allowed[sector].Add(change.Value);
            }
        }

        _allowedPosition = position;
        _allowed = (allowed, isOverwritten);
        return _allowed.Value;
    }

    private ReadOnlySpan<byte> Initial(int sector)
    {
        byte[] initial = new byte[SectorBytes];
        if (parent is not null && sector * SectorBytes < parent.Length)
        {
            parent.AsSpan(sector * SectorBytes, Math.Min(SectorBytes, parent.Length - (sector * SectorBytes))).CopyTo(initial);
        }

        return initial;
    }

    private sealed record GuestChange(long Offset, int Length, byte Value, bool MayStay, int TraceIndex);
}
