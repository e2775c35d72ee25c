using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>Defects of the kinds that schedules are searched for, each found within a few of them, whatever decides.</summary>
public sealed class PlantedDefectTests
{
    private const int Schedules = 200;

    public static TheoryData<SchedulePolicy, bool> PoliciesAndBuffers =>
        new(Enum.GetValues<SchedulePolicy>().SelectMany(policy => new[] { (policy, false), (policy, true) }));

    public static TheoryData<SchedulePolicy> Policies => [.. Enum.GetValues<SchedulePolicy>()];

    [Theory]
    [MemberData(nameof(Policies))]
    public void LostUpdate_IsFound(SchedulePolicy policy)
    {
        string found = Find(policy, scheduler => Guests(scheduler, new BlockwiseDisk(scheduler.Open(new SimulatedFile()), takesLock: false)));
        Assert.Contains("no order explains", found, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void StaleCache_IsFound(SchedulePolicy policy)
    {
        string found = Find(policy, scheduler => Guests(scheduler, new CachingDisk(scheduler.Open(new SimulatedFile()))));
        Assert.Contains("no order explains", found, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void OneStaleRead_IsFound_WithOneGuest(SchedulePolicy policy)
    {
        string found = Find(policy, scheduler => Guests(scheduler, new StaleDisk(scheduler.Open(new SimulatedFile())), count: 1));
        Assert.Contains("no order explains", found, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(PoliciesAndBuffers))]
    public void CancelledWriteThatGoesOn_IsFound(SchedulePolicy policy, bool copiesBuffer)
    {
        string found = Find(policy, scheduler => Guests(scheduler, new LingeringDisk(scheduler.Open(new SimulatedFile()), RequestKind.Write, copiesBuffer), cancels: true));
        Assert.Contains("no order explains", found, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void BufferUsedAfterACancelledRead_IsFound(SchedulePolicy policy)
    {
        string found = Find(policy, scheduler =>
        {
            var disk = new LingeringDisk(scheduler.Open(new SimulatedFile(content: new byte[1 << 16])), RequestKind.Read);
            var guests = new Guests(scheduler, new SectorHistory(), new Random(scheduler.Seed));
            guests.Add("guest", disk, [RequestKind.Read], [0, 1], BlockwiseDisk.BlockBytes, 4 * BlockwiseDisk.BlockBytes, new Strata(), cancels: true);
            scheduler.Run();
            guests.Verify();
        });
        Assert.Contains("written to after its request", found, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void WithALock_NothingIsFound(SchedulePolicy policy) =>
        Assert.Equal("", Find(policy, scheduler => Guests(scheduler, new BlockwiseDisk(scheduler.Open(new SimulatedFile()), takesLock: true))));

    [Theory]
    [MemberData(nameof(Policies))]
    public void MissedWakeUp_IsFoundAsDeadlock(SchedulePolicy policy)
    {
        string found = Find(policy, scheduler =>
        {
            IImageStorage storage = scheduler.Open(new SimulatedFile(content: new byte[512]));
            bool isReady = false;
            TaskCompletionSource? waiter = null;
            scheduler.Spawn("waiter", async () =>
            {
                Scheduler.Doing("waiting to be woken");
                if (!isReady)
                {
                    // Between the look and this, nobody may come: but somebody does.
                    await storage.ReadAsync(0, new byte[512]).ConfigureAwait(false);
                    waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    await waiter.Task.ConfigureAwait(false);
                }
            });
            scheduler.Spawn("waker", async () =>
            {
                await storage.ReadAsync(0, new byte[512]).ConfigureAwait(false);
                isReady = true;
                waiter?.SetResult();
            });
            scheduler.Run();
        });
        Assert.Contains("Deadlock", found, StringComparison.Ordinal);
        Assert.Contains("waiter has not ended: waiting to be woken", found, StringComparison.Ordinal);
        Assert.DoesNotContain("waker has not ended", found, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void LocksInTwoOrders_AreFoundAsDeadlock(SchedulePolicy policy)
    {
        string found = Find(policy, scheduler =>
        {
            var first = new SemaphoreSlim(1, 1);
            var second = new SemaphoreSlim(1, 1);
            IImageStorage storage = scheduler.Open(new SimulatedFile());
            Spawn("one", first, second);
            Spawn("two", second, first);
            scheduler.Run();

            void Spawn(string name, SemaphoreSlim outer, SemaphoreSlim inner) => scheduler.Spawn(name, async () =>
            {
                await outer.WaitAsync().ConfigureAwait(false);
                await storage.WriteAsync(0, new byte[512]).ConfigureAwait(false);
                await inner.WaitAsync().ConfigureAwait(false);
                inner.Release();
                outer.Release();
            });
        });
        Assert.Contains("2 have not ended", found, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void FlushBeforeItsBarrier_IsFoundAsLoss(SchedulePolicy policy)
    {
        string found = Find(policy, scheduler =>
        {
            var file = new SimulatedFile();
            var history = new SectorHistory();
            IImageStorage storage = scheduler.Open(file);
            scheduler.Spawn("guest", async () =>
            {
                byte[] bytes = new byte[512];
                SectorHistory.Fill(bytes, 0, history.NextNumber());
                int request = history.BeginWrite(0, 512, 1);
                ValueTask barrier = storage.BarrierAsync();
                await storage.WriteAsync(0, bytes).ConfigureAwait(false);
                history.End(request);
                long begin = history.Begin();
                await barrier.ConfigureAwait(false);
                history.AddFlush(begin);
            });
            scheduler.Run();
            foreach (CrashState state in CrashStates.OfPowerLoss(file, file.Trace.Count))
            {
                byte[] left = new byte[512];
                state.File.ReadBytes(0, 512).CopyTo(left, 0);
                string? loss = history.FindLoss(0, left, history.Now);
                Assert.True(loss is null, loss);
            }
        });
        Assert.Contains("after a crash", found, StringComparison.Ordinal);
    }

    // A run of the tests takes many times as many schedules.
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    public void DroppedBarriersOfAnImage_AreFound(int each, int first) =>
        FindLoss((seed, wrap) => new ImageSchedule(seed, new Strata(), wrap).Run(), storage => new BarrierDropper(storage, number => number % each == first));

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    public void DroppedBarriersOfAChain_AreFound(int each, int first) =>
        FindLoss((seed, wrap) => new ChainSchedule(seed, new Strata(), wrap).Run(), storage => new BarrierDropper(storage, number => number % each == first));

    [Fact]
    public void OperationOnAnotherThread_IsRefused() => Scheduler.OnOwnThread(() =>
    {
        var scheduler = new Scheduler(1);
        IImageStorage storage = scheduler.Open(new SimulatedFile());
        ScheduleException? refused = null;
        var thread = new Thread(() => refused = Assert.Throws<ScheduleException>(() => storage.Write(0, new byte[512])));
        thread.Start();
        thread.Join();
        Assert.NotNull(refused);
    });

    private static void FindLoss(Action<int, Func<IImageStorage, IImageStorage>> run, Func<IImageStorage, IImageStorage> wrap) => Scheduler.OnOwnThread(() =>
    {
        string found = "";
        int seed = 0;
        while (seed < Schedules && found.Length == 0)
        {
            try
            {
                run(++seed, wrap);
            }
            catch (Xunit.Sdk.XunitException exception)
            {
                found = exception.Message;
            }
        }

        Console.WriteLine($"Dropped barriers were found in schedule {seed}.");
        Assert.Contains("after a crash", found, StringComparison.Ordinal);
    });

    private static void Guests(Scheduler scheduler, GuestDisk disk, bool cancels = false, int count = 3)
    {
        var history = new SectorHistory();
        var guests = new Guests(scheduler, history, new Random(scheduler.Seed));
        for (int i = 0; i < count; i++)
        {
            guests.Add($"guest {i}", disk, [RequestKind.Write, RequestKind.Read], [0, 1], BlockwiseDisk.BlockBytes, 4 * BlockwiseDisk.BlockBytes, new Strata(), cancels);
        }

        scheduler.Run();
        guests.Verify();
        string? violation = history.FindViolation();
        Assert.True(violation is null, violation);
    }

    // What the first schedule found that fails; nothing when none did.
    private static string Find(SchedulePolicy policy, Action<Scheduler> scenario)
    {
        string found = "";
        Scheduler.OnOwnThread(() =>
        {
            for (int seed = 1; seed <= Schedules && found.Length == 0; seed++)
            {
                try
                {
                    scenario(new Scheduler(seed, policy));
                }
                catch (Exception exception)
                {
                    found = exception.Message;
                }
            }
        });
        return found;
    }
}
