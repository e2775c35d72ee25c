using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>Random requests of a guest on a recorded file, checked against the model as they go; then what crashes may leave of it.</summary>
internal sealed class StressWorkload
{
    private const int Rounds = 3;
    private const int StepsPerRound = 14;

    private readonly StressPlan _plan;
    private readonly StressModel _model;
    private readonly SimulatedFile _file;
    private readonly FakeTime _time = new();
    private readonly TablePool _pool;
    private readonly Dictionary<(int Position, bool Kept), Dictionary<int, HashSet<int>>> _allowed = [];
    private QedImage _image;
    private int _fillers;

    public StressWorkload(StressPlan plan)
    {
        _plan = plan;
        _model = new StressModel(plan.Parent);
        _file = Images.Create(StressPlan.SizeBytes, StressPlan.Cluster, plan.TableClusters, plan.Parent is not null, plan.Facts);
        _file.CompletesInline = plan.CompletesInline;
        _pool = new TablePool(plan.PoolPages * TablePage.SizeBytes);
        _image = Open(_file, _pool);
    }

    public void Run()
    {
        Random random = new(_plan.Seed);
        for (int round = 0; round < Rounds; round++)
        {
            int seed = random.Next();
            if (_plan.Threads == 1)
            {
                Work(0, seed);
            }
            else
            {
                SyncIo.Block(Task.WhenAll(Enumerable.Range(0, _plan.Threads).Select(thread => Task.Factory.StartNew(
                    () => Work(thread, seed + thread), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))));
            }

            _file.ClearFaults();
            switch (random.Next(4))
            {
                case 0:
                    Flush(_image.Close);
                    Assert.True(Images.Check(_file).IsSound, Describe("closed"));
                    _image = Open(_file, _pool);
                    break;
                case 1:
                    Flush(() => SyncIo.Block(_image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly).AsTask()));
                    VerifyLive(_image, "read-only");
                    SyncIo.Block(_image.SetOpenFlagsAsync(ImageOpenFlags.None).AsTask());
                    break;
                case 2:
                    Flush(_image.Flush);
                    break;
                default:
                    break;
            }

            VerifyLive(_image, $"round {round}");
        }
    }

    /// <summary>Tries some of the states that crashes may leave; returns how many.</summary>
    public int Crash(int powerLosses, int kills)
    {
        _model.Resolve(_file.Trace);
        int length = _file.Trace.Count;
        Random random = new(_plan.Seed ^ 77);
        int states = 0;
        for (int i = 0; i < powerLosses; i++)
        {
            int position = random.Next(length + 1);
            PowerLossOptions options = new() { ExhaustiveUnits = 3, Samples = 4, Seed = random.Next() };
            int skip = 0;
            foreach (CrashState state in CrashStates.OfPowerLoss(_file, position, options))
            {
                if (skip-- <= 0)
                {
                    Verify(state, isKill: false);
                    states++;
                    skip = random.Next(30);
                }
            }
        }

        int left = random.Next(1 + (length / kills));
        foreach (CrashState state in CrashStates.OfProcessKill(_file))
        {
            if (left-- <= 0)
            {
                Verify(state, isKill: true);
                states++;
                left = random.Next(2 * length / kills);
            }
        }

        // After the states: closing adds to the trace.
        _image.Close();
        Assert.True(Images.Check(_file).IsSound, Describe("at the end"));
        Assert.True(_plan.HasFaults || Images.Check(_file).IsClean, Describe("leaks after a clean close without faults"));
        Assert.Equal((0, 0, 0), (_pool.PagesInUse, _pool.DirtyPages, _file.OpenHandles));
        return states;
    }

    private void Work(int thread, int seed)
    {
        Random random = new(seed);
        for (int step = 0; step < StepsPerRound; step++)
        {
            if (_plan.HasFaults && random.Next(6) == 0)
            {
                _file.Fail(new StorageFault
                {
                    Kind = random.Next(5) switch { 0 => StorageOperationKind.SetLength, 1 => StorageOperationKind.Allocate, 2 => StorageOperationKind.Read, _ => StorageOperationKind.Write },
                    Nth = 1 + random.Next(3),
                    Error = random.Next(2) == 0 ? ImageErrorKind.OutOfSpace : ImageErrorKind.Io,
                    PartialBytes = random.Next(3) == 0 ? StressPlan.SectorBytes * random.Next(8) : -1,
                });
            }

            if (_plan.Compacts && random.Next(10) == 0)
            {
                Attempt(() => Compact(random));
                continue;
            }

            (int sector, int count) = DrawRange(random, thread);
            WriteFlags flags = random.Next(10) == 0 ? WriteFlags.ForceUnitAccess : WriteFlags.None;
            switch (random.Next(16))
            {
                case < 6:
                    int tag = _model.NextTag();
                    byte[] data = [.. Enumerable.Range(sector, count).SelectMany(each => _model.Content(each, tag))];
                    Change(sector, count, tag, flags, () => GuestDisk.Write(_image, (long)sector * StressPlan.SectorBytes, data, _plan.Parent, flags));
                    break;
                case < 8:
                    Change(sector, count, 0, flags, () => GuestDisk.WriteZeroes(_image, (long)sector * StressPlan.SectorBytes, count * StressPlan.SectorBytes, _plan.Parent, flags));
                    break;
                case 8:
                    Discard(sector, count, flags);
                    break;
                case 9 or 10:
                    Flush(_image.Flush);
                    break;
                case 11:
                    _time.Advance(TimeSpan.FromMilliseconds(random.Next(2) == 0 ? 11 : 1100));
                    break;
                case 12:
                    Attempt(() => _image.SetBeneath(_plan.Parent is null
                        ? random.Next(2) == 0 ? Beneath.Nothing : Beneath.Unknown
                        : random.Next(2) == 0 ? Beneath.UpTo(_plan.Parent.Length) : Beneath.Unknown));
                    break;
                case 13 or 14:
                    // Clusters that nobody looks at, but the check: the file grows past what is durable.
                    int cluster = StressPlan.FirstFiller + (Interlocked.Add(ref _fillers, 6) % StressPlan.Fillers);
                    Attempt(() => GuestDisk.Write(_image, (long)cluster * StressPlan.Cluster, new byte[6 * StressPlan.Cluster], _plan.Parent));
                    break;
                default:
                    Attempt(() => VerifyLive(_image, sector, count, "read"));
                    break;
            }
        }
    }

    /// <summary>Stopped at some point, now and then.</summary>
    private void Compact(Random random)
    {
        using CancellationTokenSource source = new();
        int stopAfter = random.Next(2) == 0 ? int.MaxValue : random.Next(12);
        CompactOptions options = new()
        {
            DropZeroBlocks = random.Next(3) != 0,
            EqualsBeneath = random.Next(3) == 0 ? null : async (offset, bytes, _) =>
            {
                if (stopAfter-- == 0)
                {
                    await source.CancelAsync();
                }

                byte[] below = new byte[bytes.Length];
                if (_plan.Parent is not null && offset < _plan.Parent.Length)
                {
                    _plan.Parent.AsSpan((int)offset, Math.Min(below.Length, _plan.Parent.Length - (int)offset)).CopyTo(below);
                }

                return bytes.Span.SequenceEqual(below);
            },
        };
        try
        {
            SyncIo.Block(_image.CompactAsync(options, cancellationToken: source.Token).AsTask());
        }
        catch (OperationCanceledException) when (source.IsCancellationRequested)
        {
        }
    }

    private (int Sector, int Count) DrawRange(Random random, int thread)
    {
        (int first, int clusters) = StressPlan.Windows[random.Next(StressPlan.Windows.Length)];
        int start = first * StressPlan.SectorsPerCluster;
        int end = (first + clusters) * StressPlan.SectorsPerCluster;
        if (_plan.Threads > 1)
        {
            int cluster = first + random.Next(clusters);
            cluster += (thread - (cluster % _plan.Threads) + _plan.Threads) % _plan.Threads;
            cluster -= (long)cluster * StressPlan.Cluster < StressPlan.SizeBytes ? 0 : _plan.Threads;
            start = cluster * StressPlan.SectorsPerCluster;
            end = start + StressPlan.SectorsPerCluster;
        }

        end = Math.Min(end, StressPlan.SizeBytes / StressPlan.SectorBytes);
        int sector = start + random.Next(end - start);
        if (random.Next(3) != 0)
        {
            sector -= sector % StressPlan.SectorsPerCluster;
        }

        sector = Math.Max(sector, start);
        int count = random.Next(3) switch { 0 => 1 + random.Next(5), 1 => StressPlan.SectorsPerCluster, _ => StressPlan.SectorsPerCluster * (1 + random.Next(3)) };
        return (sector, Math.Min(count, end - sector));
    }

    private void Change(int sector, int count, int tag, WriteFlags flags, Action act)
    {
        bool isForced = _plan.Mode == ConsistencyMode.WriteThrough || (flags & WriteFlags.ForceUnitAccess) != 0;
        StressModel.Event change = _model.Begin(sector, count, tag, isForced);
        _file.Mark((change, false));
        if (Attempt(act))
        {
            change.IsAcknowledged = true;
            _file.Mark((change, true));
        }
    }

    /// <summary>Each sector is as before afterwards, or zero: which, is learned, and then holds.</summary>
    private void Discard(int sector, int count, WriteFlags flags)
    {
        StressModel.Event[] zeroed = [.. Enumerable.Range(sector, count).Select(each => _model.Begin(each, 1, 0, _plan.Mode == ConsistencyMode.WriteThrough || (flags & WriteFlags.ForceUnitAccess) != 0))];
        foreach (StressModel.Event each in zeroed)
        {
            _file.Mark((each, false));
        }

        byte[] seen = [];
        if (Attempt(() => Assert.False(_image.Discard((long)sector * StressPlan.SectorBytes, count * StressPlan.SectorBytes, flags).IsFree))
            && Attempt(() => seen = GuestDisk.Read(_image, (long)sector * StressPlan.SectorBytes, count * StressPlan.SectorBytes, _plan.Parent)))
        {
            for (int i = 0; i < count; i++)
            {
                if (!seen.AsSpan(i * StressPlan.SectorBytes, StressPlan.SectorBytes).ContainsAnyExcept((byte)0))
                {
                    zeroed[i].IsAcknowledged = true;
                    _file.Mark((zeroed[i], true));
                }
            }
        }
    }

    private void Flush(Action act)
    {
        StressModel.Event flush = _model.BeginFlush();
        _file.Mark((flush, false));
        if (Attempt(act))
        {
            _file.Mark((flush, true));
        }
    }

    private bool Attempt(Action act)
    {
        try
        {
            act();
            return true;
        }
        catch (ImageException exception) when (_plan.HasFaults && exception.Kind is ImageErrorKind.Io or ImageErrorKind.OutOfSpace)
        {
            return false;
        }
    }

    private void Verify(CrashState state, bool isKill)
    {
        CheckReport report = Images.Check(state.File);
        Assert.True(report.IsSound, Describe($"{string.Join('\n', report.Findings)}\n{state.Description}"));
        bool kept = isKill && _plan.Mode == ConsistencyMode.Lazy;
        if (!_allowed.TryGetValue((state.Position, kept), out Dictionary<int, HashSet<int>>? allowed))
        {
            allowed = Sectors().ToDictionary(sector => sector, sector => _model.Allowed(sector, state.Position, kept));
            _allowed.Clear();
            _allowed.Add((state.Position, kept), allowed);
        }

        using (QedImage image = Open(state.File, new TablePool(1 << 20)))
        {
            byte[] seen = ReadAll(image);
            VerifyBytes(seen, sector => allowed[sector], state.Description);

            // What is allocated next must not be shared with anything.
            foreach ((int first, int count) in StressPlan.Windows)
            {
                GuestDisk.Write(image, (first > 590 ? 590L : first + count + 1) * StressPlan.Cluster, ConcurrencyTests.Pattern(StressPlan.Cluster, 77), _plan.Parent);
            }

            Assert.True(ReadAll(image).AsSpan().SequenceEqual(seen), Describe($"a later write has changed something else\n{state.Description}"));
        }

        Assert.True(Images.Check(state.File).IsSound, Describe($"after further writes: {state.Description}"));
    }

    private void VerifyLive(QedImage image, string when)
    {
        foreach ((int first, int count) in StressPlan.Windows)
        {
            int sectors = Math.Min(count * StressPlan.SectorsPerCluster, (StressPlan.SizeBytes / StressPlan.SectorBytes) - (first * StressPlan.SectorsPerCluster));
            VerifyLive(image, first * StressPlan.SectorsPerCluster, sectors, when);
        }
    }

    private void VerifyLive(QedImage image, int sector, int count, string when)
    {
        byte[] seen = GuestDisk.Read(image, (long)sector * StressPlan.SectorBytes, count * StressPlan.SectorBytes, _plan.Parent);
        for (int i = 0; i < count; i++)
        {
            VerifySector(seen.AsSpan(i * StressPlan.SectorBytes, StressPlan.SectorBytes), sector + i, _model.Live(sector + i), when);
        }
    }

    private void VerifyBytes(byte[] seen, Func<int, HashSet<int>> allowed, string when)
    {
        int at = 0;
        foreach (int sector in Sectors())
        {
            VerifySector(seen.AsSpan(at, StressPlan.SectorBytes), sector, allowed(sector), when);
            at += StressPlan.SectorBytes;
        }
    }

    private void VerifySector(ReadOnlySpan<byte> seen, int sector, HashSet<int> allowed, string when)
    {
        foreach (int tag in allowed)
        {
            if (seen.SequenceEqual(_model.Content(sector, tag)))
            {
                return;
            }
        }

        Assert.Fail(Describe($"sector {sector} (cluster {sector / StressPlan.SectorsPerCluster}) reads {Convert.ToHexString(seen[..8])}, allowed [{string.Join(", ", allowed)}]; {when}"));
    }

    private static IEnumerable<int> Sectors() => StressPlan.Windows.SelectMany(window => Enumerable.Range(
        window.First * StressPlan.SectorsPerCluster,
        Math.Min(window.Count * StressPlan.SectorsPerCluster, (StressPlan.SizeBytes / StressPlan.SectorBytes) - (window.First * StressPlan.SectorsPerCluster))));

    private byte[] ReadAll(QedImage image) => [.. StressPlan.Windows.SelectMany(window => GuestDisk.Read(
        image, (long)window.First * StressPlan.Cluster, Math.Min(window.Count * StressPlan.Cluster, StressPlan.SizeBytes - (window.First * StressPlan.Cluster)), _plan.Parent))];

    private QedImage Open(SimulatedFile file, TablePool pool)
    {
        QedImage image = Images.Open(file, _plan.Mode, pool, _time);
        image.SetBeneath(_plan.Parent is null ? Beneath.Nothing : Beneath.UpTo(_plan.Parent.Length));
        return image;
    }

    private string Describe(string what) => $"{what}\n{_plan}\n{string.Join('\n', _file.Trace.Select(operation => operation.Note is (StressModel.Event change, bool isEnd)
        ? $"#{operation.Index} {(isEnd ? "acknowledged" : "began")} {change.Tag}{(change.IsForced ? " forced" : "")}"
        : operation.ToString()))}";
}
