using QedVd.Backends.Qed;
using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>
/// A request that changes a cluster while compaction moves it, and whose look at the tables takes so long that the move is over when it has its answer: it has
/// seen the hold as it came, and so looks again.
/// </summary>
public sealed class HoldTests
{
    private const int Cluster = 4096;
    private const int Moved = 5;
    private const int LatestPause = 70;

    private static readonly QedBackend s_backend = new();

    [Theory]
    [InlineData(RequestKind.Zero)]
    [InlineData(RequestKind.Discard)]
    [InlineData(RequestKind.Write)]
    internal void ClusterMovedWhileItsPlaceIsLookedUp_IsChangedInItsNewPlace(RequestKind kind) => Scheduler.OnOwnThread(() =>
    {
        int looked = 0;
        for (int pause = 0; pause < LatestPause; pause++)
        {
            looked += RunOne(kind, pause) ? 1 : 0;
        }

        Assert.True(looked > 5, $"The guest came during {looked} moves only.");
    });

    // True when the file was changed by the compaction while the guest waited for the tables.
    private static bool RunOne(RequestKind kind, int pause)
    {
        SimulatedFile file = Prepare();
        var scheduler = new Scheduler(pause + 1, SchedulePolicy.Uniform) { HoldsBack = static (actor, what, _) => actor == "guest" && what == "read" };
        var history = new SectorHistory();
        var guests = new Guests(scheduler, history, new Random(pause), mayFail: false);
        history.Begin(Moved * Cluster, Cluster, Moved + 1);
        IDiskImage? image = null;
        scheduler.Spawn("opener", async () =>
            image = await s_backend.OpenAsync(scheduler.Open(file), new ImageOpenOptions { Tables = new TablePool(1), Time = scheduler.Time }).ConfigureAwait(false));
        scheduler.Run();
        image!.SetBeneath(Beneath.Nothing);
        int before = 0;
        int after = 0;
        bool hasCompacted = false;
        var disk = new ImageGuestDisk(image);
        scheduler.Spawn("compact", async () =>
        {
            await image.CompactAsync(new CompactOptions()).ConfigureAwait(false);
            hasCompacted = true;
        });
        scheduler.Spawn("guest", async () =>
        {
            await scheduler.PauseAsync(pause).ConfigureAwait(false);
            before = hasCompacted ? -1 : file.Trace.Count;
            await guests.CarryOutAsync(disk, new Request(kind, Moved * Cluster, Cluster, IsCancelled: false), default).ConfigureAwait(false);
            after = file.Trace.Count;
        });
        scheduler.Run();
        scheduler.Spawn("closer", async () =>
        {
            await guests.ReadAsync(disk, Moved * Cluster, Cluster).ConfigureAwait(false);
            await disk.CloseAsync().ConfigureAwait(false);
        });
        scheduler.Run();
        string? violation = history.FindViolation();
        Assert.True(violation is null, $"guest after {pause} turns: {violation}\n{scheduler.Describe()}");
        return before >= 0 && after > before + 2;
    }

    // Of the clusters 0 to 5 one is zero: a compaction moves the last into its place.
    private static SimulatedFile Prepare()
    {
        var file = new SimulatedFile();
        using (SimulatedStorage storage = file.Open())
        {
            s_backend.Create(storage, new ImageCreateOptions
            {
                VirtualSizeBytes = 64 * Cluster,
                FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{Cluster}", ["table_size"] = "1", ["qemu_compat"] = "off" },
            });
        }

        using IDiskImage image = s_backend.Open(file.Open(), new ImageOpenOptions());
        image.SetBeneath(Beneath.Nothing);
        byte[] bytes = new byte[Cluster];
        for (int cluster = 0; cluster <= Moved; cluster++)
        {
            SectorHistory.Fill(bytes, cluster * Cluster, cluster + 1);
            image.Write(cluster * Cluster, bytes);
        }

        image.WriteZeroes(Cluster, Cluster, WriteFlags.MayUnmap);
        image.Close();
        return file.Copy();
    }
}
