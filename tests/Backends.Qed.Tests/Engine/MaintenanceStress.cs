using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>
/// Guests that write, zero, flush and read, each its own clusters, while one image is compacted, grown, shrunk and given other names for its parent. Each
/// sector remembers what it may hold: after the loss of power nothing older than what was flushed, and nothing else.
/// </summary>
internal sealed class MaintenanceStress
{
    private const int Cluster = 4096;
    private const int Sector = 512;
    private const int SectorsPerCluster = Cluster / Sector;
    private const int Threads = 3;
    private const int GuestClusters = 36;
    private const int Stride = 37;
    private const long BaseBytes = 8 << 20;
    private const long BeyondTables = (1L << 30) + (20 << 20);
    private const byte Grown = 0x77;

    private readonly Random _random;
    private readonly SimulatedFile _file;
    private readonly byte[]? _parent;
    private readonly TablePool _pool;
    private readonly List<ulong>[] _history = new List<ulong>[GuestClusters * SectorsPerCluster];
    private readonly List<string> _done = [];
    private readonly string _name;
    private readonly QedImage _image;
    private volatile bool _isOver;

    public MaintenanceStress(int seed)
    {
        _random = new Random(seed);
        bool withParent = _random.Next(2) == 0;
        _parent = withParent ? new byte[(10 << 20) + 1000] : null;
        for (int i = 0; i < _parent?.Length; i++)
        {
            _parent[i] = (byte)(0x80 | (i / Sector * 7));
        }

        StorageFacts facts = _random.Next(4) == 0 ? StorageFacts.CanSetLength : SimulatedFile.GoodFacts;
        _file = Images.Create(BaseBytes, Cluster, 1, withParent, facts);
        _file.CompletesInline = _random.Next(2) == 0;
        _pool = new TablePool(_random.Next(2, 20) * TablePage.SizeBytes);
        _name = $"seed {seed}, {(withParent ? "over a parent" : "over nothing")}, {facts}, {_pool.CapacityPages} pages";
        for (int sector = 0; sector < _history.Length; sector++)
        {
            _history[sector] = [_parent is null ? 0 : BitConverter.ToUInt64(_parent, (int)OffsetOf(sector))];
        }

        _image = Open(_file, TimeProvider.System, _pool);
    }

    public string Description => $"{_name}: {string.Join(", ", _done)}";

    /// <summary>Runs the guests until so many operations of maintenance are done.</summary>
    public async Task RunAsync(int operations)
    {
        int[] seeds = [.. Enumerable.Range(0, Threads).Select(_ => _random.Next())];
        Task[] guests = [.. Enumerable.Range(0, Threads).Select(thread => Task.Run(() => GuestAsync(thread, seeds[thread])))];
        try
        {
            for (int i = 0; i < operations && !guests.Any(guest => guest.IsFaulted); i++)
            {
                await MaintainAsync();
            }
        }
        finally
        {
            _isOver = true;
            await Task.WhenAll(guests);
        }

        if (_random.Next(2) == 0)
        {
            await _image.CloseAsync();
        }
        else
        {
            _image.Flush();
        }

        VerifySectors(_file.Copy(), null, "at the end");
    }

    /// <summary>Looks at states that a loss of power, or of the process, would have left.</summary>
    public int Crash(int positions)
    {
        StorageOperation[] trace = [.. _file.Trace];
        int states = 0;
        for (int i = 0; i < positions; i++)
        {
            int position = _random.Next(trace.Length + 1);
            int[] flushed = new int[_history.Length];
            foreach ((int first, int[] counts) in trace.Take(position).Select(operation => operation.Note).OfType<(int, int[])>())
            {
                for (int own = 0; own < counts.Length; own++)
                {
                    flushed[SectorOf(first, own)] = counts[own];
                }
            }

            foreach (CrashState state in CrashStates.OfPowerLoss(_file, position, new PowerLossOptions { ExhaustiveUnits = 1, Samples = 2, Seed = position }).Take(12))
            {
                VerifySectors(state.File, flushed, state.Description);
                states++;
            }
        }

        return states;
    }

    private static long OffsetOf(int sector) => ((long)(sector / SectorsPerCluster) * Stride * Cluster) + (sector % SectorsPerCluster * Sector);

    /// <summary>A thread's clusters are every third.</summary>
    private static int SectorOf(int thread, int own) => (((own / SectorsPerCluster * Threads) + thread) * SectorsPerCluster) + (own % SectorsPerCluster);

    private QedImage Open(SimulatedFile file, TimeProvider? time = null, TablePool? pool = null)
    {
        QedImage image = Images.Open(file, pool: pool, time: time);
        image.SetBeneath(_parent is null ? Beneath.Nothing : Beneath.UpTo(_parent.Length));
        return image;
    }

    private async Task GuestAsync(int thread, int seed)
    {
        Random random = new(seed);
        int sectors = _history.Length / Threads;
        byte[] data = new byte[Cluster];
        for (ulong step = 1; !_isOver; step++)
        {
            int own = random.Next(sectors);
            int count = random.Next(3) == 0 ? SectorsPerCluster - (own % SectorsPerCluster) : 1;
            if (random.Next(3) == 0)
            {
                (own, count) = (own / SectorsPerCluster * SectorsPerCluster, SectorsPerCluster);
            }

            long offset = OffsetOf(SectorOf(thread, own));
            switch (random.Next(10))
            {
                case < 4:
                    Note(thread, own, count, sector => (step << 20) | ((ulong)sector << 4) | 1, data);
                    GuestDisk.Write(_image, offset, data.AsSpan(0, count * Sector), _parent);
                    break;
                case < 6:
                    Note(thread, own, count, _ => 0, data);
                    GuestDisk.WriteZeroes(_image, offset, count * Sector, _parent);
                    break;
                case 6:
                    int[] counts = [.. Enumerable.Range(0, sectors).Select(i => _history[SectorOf(thread, i)].Count - 1)];
                    if (random.Next(2) == 0)
                    {
                        _image.Flush();
                    }
                    else
                    {
                        await _image.FlushAsync();
                    }

                    _file.Mark((thread, counts));
                    break;
                default:
                    byte[] seen = random.Next(2) == 0 ? GuestDisk.Read(_image, offset, count * Sector, _parent) : await GuestDisk.ReadAsync(_image, offset, count * Sector, _parent);
                    for (int i = 0; i < count; i++)
                    {
                        ulong value = ValueOf(seen.AsSpan(i * Sector, Sector));
                        ulong last = _history[SectorOf(thread, own + i)][^1];
                        Assert.True(value == last, $"thread {thread}, step {step}: sector at {offset + (i * Sector)} is {value:x}, should be {last:x}; {Description}");
                    }

                    break;
            }
        }
    }

    private void Note(int thread, int own, int count, Func<int, ulong> value, byte[] data)
    {
        for (int i = 0; i < count; i++)
        {
            int sector = SectorOf(thread, own + i);
            ulong next = value(sector);
            _history[sector].Add(next);
            System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(data.AsSpan(i * Sector, Sector)).Fill(next);
        }
    }

    private static ulong ValueOf(ReadOnlySpan<byte> sector)
    {
        ulong value = BitConverter.ToUInt64(sector);
        Assert.False(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(sector).ContainsAnyExcept(value), "a torn sector");
        return value;
    }

    private async Task MaintainAsync()
    {
        long size = _image.VirtualSizeBytes;
        switch (_random.Next(8))
        {
            case < 3:
                _done.Add("compact");
                await _image.CompactAsync(new CompactOptions { DropZeroBlocks = _random.Next(2) == 0, EqualsBeneath = _parent is not null && _random.Next(2) == 0 ? EqualsBeneath : null });
                break;
            case < 6 when size < (64 << 20):
                long larger = _random.Next(6) == 0 && _parent is null ? BeyondTables + _random.Next(100) * Cluster : size + ((1 + _random.Next(900)) * (long)Cluster);
                _done.Add($"grow to {larger}");
                await _image.ResizeAsync(larger, mayShrink: false);
                byte[] added = GuestDisk.Read(_image, size, (int)Math.Min(4 << 20, larger - size), _parent);
                Assert.False(added.AsSpan().ContainsAnyExcept((byte)0), $"the new part is not zero; {Description}");
                for (int i = 0; i < 5; i++)
                {
                    byte[] data = new byte[_random.Next(1, 3 * Cluster)];
                    Array.Fill(data, Grown);
                    GuestDisk.Write(_image, size + (long)(_random.NextDouble() * (larger - size - data.Length)), data.AsSpan(0, (int)Math.Min(data.Length, larger - size)), _parent);
                }

                break;
            case < 7:
                long smaller = _random.Next(2) == 0 ? BaseBytes : BaseBytes + (long)(_random.NextDouble() * (size - BaseBytes)) / Cluster * Cluster;
                _done.Add($"shrink to {smaller}");
                await _image.ResizeAsync(smaller, mayShrink: true);
                break;
            default:
                if (_parent is not null)
                {
                    _done.Add("set parent");
                    await _image.SetParentAsync(new ParentReference("parent" + new string('x', _random.Next(300))));
                    await _image.SetBeneathAsync(Beneath.UpTo(_parent.Length));
                }

                break;
        }
    }

    private ValueTask<bool> EqualsBeneath(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        byte[] below = new byte[bytes.Length];
        if (offset < _parent!.Length)
        {
            _parent.AsSpan((int)offset, (int)Math.Min(below.Length, _parent.Length - offset)).CopyTo(below);
        }

        return new(bytes.Span.SequenceEqual(below));
    }

    private void VerifySectors(SimulatedFile file, int[]? flushed, string when)
    {
        CheckReport report = Images.Check(file);
        Assert.True(report.IsSound, $"{string.Join('\n', report.Findings)}\n{when}\n{Description}");
        file.KeepsTrace = false;
        using QedImage image = Open(file);
        for (int sector = 0; sector < _history.Length; sector++)
        {
            List<ulong> history = _history[sector];
            ulong value = ValueOf(GuestDisk.Read(image, OffsetOf(sector), Sector, _parent));
            int from = flushed is null ? history.Count - 1 : flushed[sector];
            Assert.True(history.IndexOf(value, from) >= 0, $"sector at {OffsetOf(sector)} is {value:x}, should be {history[from]:x} or later\n{when}\n{Description}");
        }

        byte[] grown = GuestDisk.Read(image, BaseBytes, (int)Math.Min(4 << 20, image.VirtualSizeBytes - BaseBytes), _parent);
        Assert.False(grown.AsSpan().ContainsAnyExcept((byte)0, Grown), $"something else in the new part\n{when}\n{Description}");
    }
}
