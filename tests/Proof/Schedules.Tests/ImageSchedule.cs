using QedVd.Backends.Qed;
using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>One schedule of guests and maintenance upon one open QED image. Everything about it comes from the seed.</summary>
internal sealed class ImageSchedule
{
    private const int Cluster = 4096;

    private static readonly QedBackend s_backend = new();
    private static readonly RequestKind[][] s_mixes =
    [
        [RequestKind.Write, RequestKind.Read],
        [RequestKind.Write, RequestKind.Write, RequestKind.Flush, RequestKind.Read],
        [RequestKind.Zero, RequestKind.ZeroWithRoom, RequestKind.Discard, RequestKind.Write, RequestKind.Read],
        [RequestKind.Read, RequestKind.Map, RequestKind.Read],
        [RequestKind.DurableWrite, RequestKind.Write, RequestKind.Discard, RequestKind.Flush],
        Enum.GetValues<RequestKind>(),
    ];

    /// <summary>What must be among the schedules of a run.</summary>
    public static IEnumerable<string> AllStrata =>
    [
        .. Enum.GetNames<SchedulePolicy>().Select(policy => $"policy {policy}"),
        .. Enum.GetNames<RequestKind>().Select(kind => $"request {kind}"),
        "mode Ordered", "mode Lazy", "mode WriteThrough",
        "good facts", "no holes", "no zeros",
        "cache of 1", "cache of 2", "cache of 4", "cache of 64",
        "filled 0", "filled 3", "cancelled", "requests all done", "requests some done",
        .. CrashMoments.Kinds.Select(kind => $"crash {kind}"),
        "clock moved", "close failed", "fault struck", "fault leaves a part",
        "fault Read", "fault Write", "fault Barrier", "fault SetLength", "fault Allocate",
        "no maintenance", "compact done", "grow done", "relocate done", "shrink done", "check done", "traverse done",
    ];

    private readonly Random _random;
    private readonly Scheduler _scheduler;
    private readonly SectorHistory _history = new();
    private readonly Strata _strata;
    private readonly Func<IImageStorage, IImageStorage> _wrap;
    private readonly TablePool _pool;
    private readonly SimulatedFile _file;
    private readonly ConsistencyMode _mode;
    private readonly int _tableClusters;
    private readonly long _size;
    private readonly long[] _hot;
    private readonly bool _hasFaults;
    private readonly bool _cancels;
    private bool _hasClosed;
    private bool _mayLeak;
    private StorageFault? _fault;
    private string? _maintenanceFailure;

    /// <param name="seed">Decides everything.</param>
    /// <param name="strata">Takes down what was drawn.</param>
    /// <param name="wrap">For a planted defect: put between the image and its storage.</param>
    public ImageSchedule(int seed, Strata strata, Func<IImageStorage, IImageStorage>? wrap = null)
    {
        _wrap = wrap ?? (storage => storage);
        _random = new Random(seed);
        _strata = strata;
        _scheduler = new Scheduler(_random.Next());
        strata.Add($"policy {_scheduler.Policy}");
        _tableClusters = _random.Next(4) == 0 ? 2 : 1;
        int entries = _tableClusters * Cluster / 8;
        _size = (((entries * 2L) + 6) * Cluster) + (_random.Next(2) * 1536);
        int[] near = [0, 1, 2, entries - 1, entries, entries + 1, (entries * 2) - 1, entries * 2];
        int count = _random.Next(1, 6);
        _hot = [.. Enumerable.Range(0, count).Select(_ => (long)near[_random.Next(near.Length)]).Distinct()];
        int pages = _random.Next(5) switch { 0 => 1, 1 => 2, 2 => 4, _ => 64 };
        strata.Add($"cache of {pages}");
        _pool = new TablePool(pages * (long)TablePage.SizeBytes);
        _mode = _random.Next(6) switch { 0 => ConsistencyMode.Lazy, 1 => ConsistencyMode.WriteThrough, _ => ConsistencyMode.Ordered };
        strata.Add($"mode {_mode}");
        StorageFacts facts = _random.Next(6) switch
        {
            0 => SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero,
            1 => SimulatedFile.GoodFacts & ~StorageFacts.CanPunchHoles,
            _ => SimulatedFile.GoodFacts,
        };
        strata.Add(facts == SimulatedFile.GoodFacts ? "good facts" : (facts & StorageFacts.CanPunchHoles) == 0 ? "no holes" : "no zeros");
        _hasFaults = _random.Next(4) == 0;
        _cancels = _random.Next(5) == 0;
        _file = Prepare(facts);
    }

    public Scheduler Scheduler => _scheduler;

    public SectorHistory History => _history;

    /// <summary>Runs it; throws when something is wrong.</summary>
    public void Run()
    {
        IDiskImage? image = null;
        CrashMoments? moments = null;
        if (_mode != ConsistencyMode.Lazy && _random.Next(2) == 0)
        {
            moments = new CrashMoments(_scheduler, _history, () => [_file], () => _file.Name);
        }

        _scheduler.Spawn("opener", async () =>
            image = await s_backend.OpenAsync(_wrap(_scheduler.Open(_file)), new ImageOpenOptions { Mode = _mode, Tables = _pool, Time = _scheduler.Time, Flags = ImageOpenFlags.Discard }).ConfigureAwait(false));
        _scheduler.Run();
        image!.SetBeneath(Beneath.Nothing);
        Work(image);
        if (_scheduler.Ticks > 0)
        {
            _strata.Add("clock moved");
        }

        Verify(moments);
    }

    private SimulatedFile Prepare(StorageFacts facts)
    {
        var file = new SimulatedFile("image", facts);
        var options = new Dictionary<string, string> { ["cluster_size"] = $"{Cluster}", ["table_size"] = $"{_tableClusters}", ["qemu_compat"] = "off" };
        using (SimulatedStorage storage = file.Open())
        {
            s_backend.Create(storage, new ImageCreateOptions { VirtualSizeBytes = _size, FormatOptions = options });
        }

        int filled = _random.Next(4);
        _strata.Add($"filled {filled}");
        if (filled > 0)
        {
            using IDiskImage image = s_backend.Open(file.Open(), new ImageOpenOptions());
            image.SetBeneath(Beneath.Nothing);
            byte[] bytes = new byte[Cluster];
            for (long cluster = 0; (cluster + 1) * Cluster <= _size; cluster++)
            {
                bool isHot = _hot.Contains(cluster) || _hot.Contains(cluster - 1);
                if ((isHot || cluster % 97 == 3) && _random.Next(4) < filled)
                {
                    int number = _history.NextNumber();
                    SectorHistory.Fill(bytes, cluster * Cluster, number);
                    Assert.Equal(Cluster, image.Write(cluster * Cluster, bytes).LengthBytes);
                    bool isZeroed = _random.Next(5) == 0;
                    if (isZeroed)
                    {
                        image.WriteZeroes(cluster * Cluster, Cluster, WriteFlags.MayUnmap);
                    }

                    _history.Begin(cluster * Cluster, Cluster, isZeroed ? 0 : number);
                }
            }

            image.Close();
        }

        return file.Copy();
    }

    private void Work(IDiskImage image)
    {
        var disk = new ImageGuestDisk(image);
        var guests = new Guests(_scheduler, _history, _random) { IsWriteThrough = _mode == ConsistencyMode.WriteThrough };
        if (_hasFaults)
        {
            AddFault();
            guests.Fault = _fault;
        }

        int count = _random.Next(2, 5);
        for (int i = 0; i < count; i++)
        {
            guests.Add($"guest {i}", disk, s_mixes[_random.Next(s_mixes.Length)], _hot, Cluster, _size, _strata, _cancels);
        }

        AddMaintenance(image);
        _scheduler.Run();
        Assert.True(_maintenanceFailure is null, _maintenanceFailure);
        if (_fault is { Hits: > 0 })
        {
            _strata.Add("fault struck");
        }

        guests.Verify();
        _strata.Add($"requests {(guests.Done == 0 ? "none" : guests.Failed == 0 ? "all" : "some")} done");
        _file.ClearFaults();
        _scheduler.Spawn("closer", async () =>
        {
            foreach (long cluster in _hot)
            {
                await guests.ReadAsync(disk, cluster * Cluster, Cluster).ConfigureAwait(false);
            }

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
        _scheduler.Run();
    }

    private void AddFault()
    {
        StorageOperationKind kind = _random.Next(6) switch
        {
            0 => StorageOperationKind.Read,
            1 => StorageOperationKind.Barrier,
            2 => StorageOperationKind.SetLength,
            3 => StorageOperationKind.Allocate,
            _ => StorageOperationKind.Write,
        };
        _strata.Add($"fault {kind}");

        // Half of the writes that fail leave something of theirs behind.
        int partial = kind == StorageOperationKind.Write && _random.Next(2) == 0 ? _random.Next(1, 9) * SectorHistory.SectorBytes : -1;
        _fault = _file.Fail(new StorageFault
        {
            Kind = kind,
            Nth = _random.Next(1, 12),
            Error = _random.Next(2) == 0 ? ImageErrorKind.Io : ImageErrorKind.OutOfSpace,
            IsSticky = _random.Next(4) == 0,
            PartialBytes = partial,
        });
        if (partial > 0)
        {
            _strata.Add("fault leaves a part");
        }
    }

    private void AddMaintenance(IDiskImage image)
    {
        int kind = _random.Next(12);
        switch (kind)
        {
            case 0 or 1 or 2:
                Maintain("compact", () => image.CompactAsync(new CompactOptions()));
                break;
            case 3:
                Maintain("grow", () => image.ResizeAsync(_size + (8 * Cluster), mayShrink: false));
                break;
            case 4:
                Maintain("relocate", () => image.ResizeAsync((long)_tableClusters * Cluster / 8 * (_tableClusters * Cluster / 8) * Cluster * 2, mayShrink: false));
                break;
            case 5:
                Maintain("shrink", () => image.ResizeAsync(Math.Max(Cluster, ((_hot.Max() + 4) * Cluster) - 512), mayShrink: true), () => _hot.Max() + 4 <= _size / Cluster);
                break;
            case 6:
                Maintain("check", CheckAsync);
                break;
            case 8:
                Maintain("traverse", async () =>
                {
                    await foreach (MetadataChunk chunk in image.TraverseAsync().ConfigureAwait(false))
                    {
                        Assert.True(chunk.LengthBytes > 0);
                    }
                });
                break;
            default:
                _strata.Add("no maintenance");
                break;
        }
    }

    private async ValueTask CheckAsync()
    {
        using ScheduledStorage storage = _scheduler.Open(_file, readOnly: true);

        // What it finds while the tables change is nothing to go by; that it comes to its end is.
        await s_backend.CheckAsync(storage, new CheckOptions()).ConfigureAwait(false);
    }

    private void Maintain(string name, Func<ValueTask> work, Func<bool>? condition = null)
    {
        if (condition?.Invoke() == false)
        {
            _strata.Add("no maintenance");
            return;
        }

        _strata.Add(name);
        int pause = _random.Next(20);

        // What is freed before something that cannot be moved stays, as a hole.
        _mayLeak |= name is "shrink" or "relocate" or "compact";
        _scheduler.Spawn(name, async () =>
        {
            Scheduler.Doing(name);
            await _scheduler.PauseAsync(pause).ConfigureAwait(false);
            try
            {
                await work().ConfigureAwait(false);
                _strata.Add($"{name} done");
            }
            catch (ImageException exception) when (_fault is { Hits: > 0 })
            {
                _strata.Add($"{name} failed");
                _ = exception;
            }
            catch (ImageException exception)
            {
                _maintenanceFailure = $"{name}: {exception.Message}";
            }
        });
    }

    private void Verify(CrashMoments? moments)
    {
        Assert.Equal(0, _scheduler.Waiting);
        Assert.Equal(0, _file.OpenHandles);
        Assert.Equal(0, _pool.PagesInUse);
        Assert.Equal(0, _pool.DirtyPages);
        Assert.Equal(0, _scheduler.Time.PendingTimers);
        ReadBack(_file, _hasClosed ? null : _history.Now, "after the end");
        string? violation = _history.FindViolation();
        Assert.True(violation is null, violation);
        CheckReport report = Check(_file);
        Assert.True(report.Corruptions == 0, $"{report.Corruptions} errors at the end: {string.Join("; ", report.Findings.Take(4))}");
        if (!_hasFaults && !_cancels)
        {
            Assert.True(report.Leaks == 0 || (_mayLeak && AreHoles(report)), $"{report.Leaks} leaks at the end: {string.Join("; ", report.Findings.Take(4))}");
        }

        if (moments is not null)
        {
            VerifyCrashes(moments);
        }
    }

    private bool AreHoles(CheckReport report)
    {
        using SimulatedStorage storage = _file.Open(readOnly: true);
        return report.Findings.Where(finding => finding.Kind == CheckFindingKind.Leak).All(leak =>
            (storage.Facts & StorageFacts.CanPunchHoles) == 0 || (storage.GetExtent(leak.Value) is { IsHole: true } hole && hole.LengthBytes >= leak.LengthBytes));
    }

    private void VerifyCrashes(CrashMoments moments)
    {
        foreach (CrashMoment moment in moments.Draw(_random))
        {
            _strata.Add($"crash {moment.When}");
            foreach (CrashState state in CrashMoments.DrawStates(_random, _file, moment))
            {
                CheckReport report = Check(state.File);
                Assert.True(report.Corruptions == 0, $"{report.Corruptions} errors after a crash {moment} ({state.Description}): {string.Join("; ", report.Findings.Take(4))}");
                ReadBack(state.File, moment.Time, $"{moment}: {state.Description}");
            }
        }
    }

    private static CheckReport Check(SimulatedFile file)
    {
        using SimulatedStorage storage = file.Open(readOnly: true);
        return SyncIo.Complete(s_backend.CheckAsync(storage, new CheckOptions()));
    }

    /// <summary>What a new opening reads: of what was closed well exactly the last values, after a crash what may be left.</summary>
    private void ReadBack(SimulatedFile file, long? crashedAt, string what)
    {
        using IDiskImage image = s_backend.Open(file.Open(readOnly: true), new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly });
        byte[] bytes = new byte[SectorHistory.SectorBytes];
        foreach (long sector in _history.Sectors.Order().ToArray())
        {
            Assert.True(sector * SectorHistory.SectorBytes < image.VirtualSizeBytes, "The image is shorter than what was written.");
            ReadResult result = image.Read(sector * SectorHistory.SectorBytes, bytes);
            Assert.Equal(SectorHistory.SectorBytes, result.Length);
            if (result.Kind != ExtentKind.Data)
            {
                bytes.AsSpan().Clear();
            }

            if (crashedAt is { } time)
            {
                string? loss = _history.FindLoss(sector, bytes, time);
                Assert.True(loss is null, $"{loss}\n{what}");
            }
            else
            {
                _history.AddRead(sector * SectorHistory.SectorBytes, bytes, _history.Begin());
            }
        }
    }
}
