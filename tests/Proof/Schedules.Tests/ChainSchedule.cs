using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>One schedule of guests upon a disk of the host's, over one to three images, while the disk is rearranged, resized, compacted or closed. Everything about it comes from the seed.</summary>
internal sealed class ChainSchedule
{
    private const int Cluster = ChainFiles.Cluster;
    private const int CombinationsOfFiles = 5;

    private static readonly string[] s_operations =
    [
        "commit", "commit past a level", "flatten", "rebase", "merge up", "merge down", "merge beneath", "compact", "grow", "shrink", "read-only and back", "snapshot", "close", "nothing",
    ];

    private static readonly RequestKind[][] s_mixes =
    [
        [RequestKind.Write, RequestKind.Read],
        [RequestKind.Write, RequestKind.Zero, RequestKind.Read, RequestKind.Flush],
        [RequestKind.Discard, RequestKind.Write, RequestKind.Read],
        Enum.GetValues<RequestKind>(),
    ];

    private readonly Random _random;
    private readonly SectorHistory _history = new();
    private readonly Strata _strata;
    private readonly Func<IImageStorage, IImageStorage> _wrap;
    private readonly ChainFiles _chain;
    private readonly TablePool _pool;
    private readonly ConsistencyMode _mode;
    private readonly string _operation;
    private readonly bool _cancels;
    private readonly CancellationTokenSource _cancelOperation = new();
    private readonly List<long> _hot = [];
    private StorageFault? _fault;
    private string? _failure;
    private bool _hasClosed;
    private bool _hasLost;

    /// <param name="seed">Decides everything.</param>
    /// <param name="strata">Takes down what was drawn.</param>
    /// <param name="wrap">For a planted defect: put between each image and its storage.</param>
    public ChainSchedule(int seed, Strata strata, Func<IImageStorage, IImageStorage>? wrap = null)
    {
        _wrap = wrap ?? (storage => storage);
        _random = new Random(seed);
        _strata = strata;
        Scheduler = new Scheduler(_random.Next());
        int levels = _random.Next(1, 4);
        _chain = new ChainFiles(_random, _history, levels);
        _pool = new TablePool(_random.Next(4) switch { 0 => 1, 1 => 3, _ => 64 } * (long)TablePage.SizeBytes);
        _mode = _random.Next(6) switch { 0 => ConsistencyMode.Lazy, 1 => ConsistencyMode.WriteThrough, _ => ConsistencyMode.Ordered };
        _operation = Possible(s_operations[_random.Next(s_operations.Length)], levels);
        if (_operation == "rebase")
        {
            _chain.MakeOther(_random, _history);
        }

        _cancels = _random.Next(5) == 0;
        long reach = (_operation == "shrink" ? _chain.SizeBytes / 2 : _chain.SizeBytes) / Cluster;
        for (int i = _random.Next(1, 5); i > 0; i--)
        {
            _hot.Add(_random.Next((int)Math.Max(1, reach - 2)));
        }

        strata.Add($"levels {levels}");
        strata.Add($"mode {_mode}");
        strata.Add($"policy {Scheduler.Policy}");
        strata.Add(_operation);
    }

    /// <summary>What must be among the schedules of a run.</summary>
    public static IEnumerable<string> AllStrata =>
    [
        .. s_operations,
        .. s_operations.Where(operation => operation is not "nothing").Select(operation => $"{operation} done"),
        .. Enum.GetNames<SchedulePolicy>().Select(policy => $"policy {policy}"),
        .. Enum.GetNames<RequestKind>().Select(kind => $"request {kind}"),
        "levels 1", "levels 2", "levels 3", "mode Ordered", "mode Lazy", "mode WriteThrough", "cancelled", "operation cancelled", "fault struck", "close failed",
        "requests all done", "requests some done",
        .. CrashMoments.Kinds.Select(kind => $"crash {kind}"),
        .. s_operations.Select(operation => $"crash in {operation}"),
    ];

    public Scheduler Scheduler { get; }

    private long NarrowBytes => ((_chain.SizeBytes / 2 / Cluster) + 2) * Cluster;

    /// <summary>Runs it; throws when something is wrong.</summary>
    public void Run()
    {
        VirtualDisk? disk = null;
        Scheduler.Spawn("opener", async () => disk = await _chain.OpenAsync(Scheduler, _pool, _mode, _wrap).ConfigureAwait(false));
        Scheduler.Run();

        CrashMoments? moments = _mode != ConsistencyMode.Lazy && _random.Next(2) == 0 ? new CrashMoments(Scheduler, _history, () => _chain.Files, () => disk!.Path) : null;
        Work(disk!);
        Verify(disk!.Path);
        if (moments is not null)
        {
            VerifyCrashes(moments);
        }
    }

    private void VerifyCrashes(CrashMoments moments)
    {
        _strata.Add($"crash in {_operation}");
        foreach (CrashMoment moment in moments.Draw(_random))
        {
            _strata.Add($"crash {moment.When}");
            Dictionary<string, CrashState[]> states = _chain.Files.ToDictionary(file => file.Name, file => CrashMoments.DrawStates(_random, file, moment).ToArray());
            for (int i = 0; i < CombinationsOfFiles; i++)
            {
                // All of every file, nothing of every file, and then of each file something of its own.
                Dictionary<string, CrashState> left = states.Where(pair => pair.Value.Length > 0)
                    .ToDictionary(pair => pair.Key, pair => pair.Value[i < 2 ? Math.Min(i, pair.Value.Length - 1) : _random.Next(pair.Value.Length)]);
                string what = $"after a crash {moment}, {moment.Top} on top ({string.Join("; ", left.Select(pair => $"{pair.Key}: {pair.Value.Description}"))})";
                foreach ((string name, CrashState state) in left)
                {
                    CheckReport report = ChainFiles.Check(state.File);
                    Assert.True(report.Corruptions == 0, $"{name}: {report.Corruptions} errors {what}: {string.Join("; ", report.Findings.Take(4))}");
                }

                using VirtualDisk disk = _chain.OpenReadOnly(moment.Top, file => left[file.Name].File);
                VerifyLeft(disk, moment.Time, what);
            }
        }
    }

    private void VerifyLeft(VirtualDisk disk, long time, string what)
    {
        byte[] bytes = new byte[Math.Min(disk.LengthBytes, _chain.SizeBytes)];
        disk.Read(0, bytes);
        for (int at = 0; at < bytes.Length; at += SectorHistory.SectorBytes)
        {
            string? loss = _history.FindLoss(at / SectorHistory.SectorBytes, bytes.AsSpan(at, SectorHistory.SectorBytes), time);
            Assert.True(loss is null, $"{loss}\n{what}");
        }
    }

    private static string Possible(string operation, int levels) => operation switch
    {
        "commit" or "flatten" or "merge up" or "merge down" when levels < 2 => "compact",
        "commit past a level" or "merge beneath" when levels < 3 => "nothing",
        _ => operation,
    };

    private void Work(VirtualDisk disk)
    {
        var guestDisk = new ChainGuestDisk(disk);
        bool hasFaults = _random.Next(8) == 0;
        var guests = new Guests(Scheduler, _history, _random)
        {
            MayBeReadOnly = _operation == "read-only and back",
            MayBeClosed = _operation == "close",
            IsWriteThrough = _mode == ConsistencyMode.WriteThrough,
        };
        if (hasFaults)
        {
            StorageOperationKind kind = _random.Next(4) switch { 0 => StorageOperationKind.Read, 1 => StorageOperationKind.Barrier, _ => StorageOperationKind.Write };
            SimulatedFile file = _chain.Files[_random.Next(_chain.Files.Count)];
            _fault = file.Fail(kind, _random.Next(1, 20), _random.Next(2) == 0 ? ImageErrorKind.Io : ImageErrorKind.OutOfSpace, isSticky: _random.Next(4) == 0);
            guests.Fault = _fault;
        }

        int count = _random.Next(2, 4);
        for (int i = 0; i < count; i++)
        {
            guests.Add($"guest {i}", guestDisk, s_mixes[_random.Next(s_mixes.Length)], _hot, Cluster, _operation == "shrink" ? NarrowBytes : _chain.SizeBytes, _strata, _cancels);
        }

        AddOperation(disk);
        Scheduler.Run();
        Assert.True(_failure is null, _failure);
        guests.Verify();
        _strata.Add($"requests {(guests.Done == 0 ? "none" : guests.Failed == 0 ? "all" : "some")} done");
        if (_fault is { Hits: > 0 })
        {
            _strata.Add("fault struck");
        }

        foreach (SimulatedFile file in _chain.Files)
        {
            file.ClearFaults();
        }

        Scheduler.Spawn("closer", async () =>
        {
            Scheduler.Doing("closing");
            try
            {
                await disk.CloseAsync().ConfigureAwait(false);
                _hasClosed = true;
            }
            catch (ImageException) when (_fault is { Hits: > 0 })
            {
                _strata.Add("close failed");
            }
        });
        Scheduler.Run();
    }

    private void AddOperation(VirtualDisk disk)
    {
        if (_operation == "nothing")
        {
            return;
        }

        int pause = _random.Next(15);
        bool isCancelled = _operation != "close" && _random.Next(6) == 0;
        Scheduler.Spawn(_operation, async () =>
        {
            Scheduler.Doing(_operation);
            await Scheduler.PauseAsync(pause).ConfigureAwait(false);
            try
            {
                await OperateAsync(disk, _cancelOperation.Token).ConfigureAwait(false);
                _strata.Add($"{_operation} done");
            }
            catch (ImageException) when (_fault is { Hits: > 0 })
            {
                _strata.Add("operation failed");
                _hasLost |= _operation == "close";
            }
            catch (OperationCanceledException) when (isCancelled)
            {
                _strata.Add("operation cancelled");
            }
            catch (ImageException exception)
            {
                _failure = $"{_operation}: {exception}";
            }
        });
        if (isCancelled)
        {
            int turns = _random.Next(3, 60);
            Scheduler.Spawn("canceller", async () =>
            {
                await Scheduler.PauseAsync(turns).ConfigureAwait(false);
#pragma warning disable CA1849 // Where the callbacks run is part of the schedule.
                _cancelOperation.Cancel();
#pragma warning restore CA1849
            });
        }
    }

    private async ValueTask OperateAsync(VirtualDisk disk, CancellationToken cancellationToken)
    {
        switch (_operation)
        {
            case "commit":
                await disk.CommitAsync(new CommitOptions { KeepTop = _random.Next(3) == 0 }, cancellationToken: cancellationToken).ConfigureAwait(false);
                break;
            case "commit past a level":
                await disk.CommitAsync(new CommitOptions { TargetDepth = 2 }, cancellationToken: cancellationToken).ConfigureAwait(false);
                break;
            case "flatten":
                await disk.FlattenAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
                break;
            case "rebase":
                await LiveRebase.RunAsync(
                    disk,
                    chain => chain.Count > 2 && _random.Next(2) == 0 ? new([.. chain.Skip(2)]) : _chain.OpenOtherAsync(Scheduler, _pool, _wrap, chain),
                    cancellationToken).ConfigureAwait(false);
                break;
            case "merge up":
                await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up, ToDepth = _chain.Files.Count - 1 }, cancellationToken: cancellationToken).ConfigureAwait(false);
                break;
            case "merge down":
                await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: cancellationToken).ConfigureAwait(false);
                break;
            case "merge beneath":
                await disk.MergeAsync(
                    new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = _random.Next(2) == 0 ? MergeDirection.Up : MergeDirection.Down }, cancellationToken: cancellationToken).ConfigureAwait(false);
                break;
            case "compact":
                await disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = _random.Next(2) == 0 }, cancellationToken: cancellationToken).ConfigureAwait(false);
                break;
            case "grow":
                await disk.ResizeAsync((_chain.SizeBytes / Cluster * Cluster) + (_random.Next(1, 30) * 1536 * 8), cancellationToken: cancellationToken).ConfigureAwait(false);
                break;
            case "shrink":
                // One that fails may have dropped what lies beyond.
                int dropped = _history.BeginDiscard(NarrowBytes, _chain.SizeBytes - NarrowBytes);
                try
                {
                    await disk.ResizeAsync(NarrowBytes, mayShrink: true, cancellationToken: cancellationToken).ConfigureAwait(false);
                }
                finally
                {
                    _history.End(dropped);
                }

                break;
            case "read-only and back":
                await disk.SetReadOnlyAsync(true, cancellationToken).ConfigureAwait(false);
                await Scheduler.PauseAsync(3).ConfigureAwait(false);
                await disk.SetReadOnlyAsync(false, cancellationToken).ConfigureAwait(false);
                break;
            case "snapshot":
                await SnapshotAsync(disk, cancellationToken).ConfigureAwait(false);
                break;
            default:
                await disk.CloseAsync().ConfigureAwait(false);
                break;
        }
    }

    private async ValueTask SnapshotAsync(VirtualDisk disk, CancellationToken cancellationToken)
    {
        Level overlay = await _chain.MakeOverlayAsync(Scheduler, _pool, _mode, _chain.SizeBytes).ConfigureAwait(false);
        try
        {
            await disk.TakeOverlayAsync(overlay, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await overlay.Image.CloseAsync().ConfigureAwait(false);
            throw;
        }
    }

    private void Verify(string top)
    {
        Assert.Equal(0, Scheduler.Waiting);
        Assert.Equal(0, _pool.PagesInUse);
        Assert.Equal(0, _pool.DirtyPages);
        Assert.Equal(0, Scheduler.Time.PendingTimers);
        foreach (SimulatedFile file in _chain.Files)
        {
            Assert.Equal(0, file.OpenHandles);
            CheckReport report = ChainFiles.Check(file);
            Assert.True(report.Corruptions == 0, $"{file.Name}: {report.Corruptions} errors at the end: {string.Join("; ", report.Findings.Take(4))}");
        }

        using VirtualDisk disk = _chain.OpenReadOnly(top);
        if (!_hasClosed || _hasLost)
        {
            _strata.Add("close failed");
            VerifyLeft(disk, _history.Now, "after a close that failed");
        }
        else
        {
            byte[] bytes = new byte[disk.LengthBytes];
            disk.Read(0, bytes);
            _history.AddRead(0, bytes.AsSpan(0, (int)Math.Min(bytes.Length, _chain.SizeBytes)), _history.Begin());
            Assert.True(bytes.Length <= _chain.SizeBytes || !bytes.AsSpan((int)_chain.SizeBytes).ContainsAnyExcept((byte)0), "What the disk has grown by does not read as zero.");
        }

        string? violation = _history.FindViolation();
        Assert.True(violation is null, violation);
    }
}
