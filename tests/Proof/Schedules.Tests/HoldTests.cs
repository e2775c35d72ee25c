using QedVd.Backends.Qed;
using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>
/// A request that changes a cluster while compaction moves it, at each step of the move, and whose answer from the tables comes last of all: it keeps away until
/// the move is over, and then finds the new place.
/// </summary>
/// <remarks>
/// Between a look at the tables and a look at the hold there is no await, so that no schedule comes between them: that the hold is seen first
/// (<c>EnterWriter</c>) is not what this shows.
/// </remarks>
public sealed class HoldTests
{
    private const int Cluster = 4096;
    private const int Moved = 5;

    // Behind the header, L1, the other table and its cluster.
    private const int Table = 4 * Cluster;
    private const int Entries = Cluster / 8;
    private const int Neighbours = 12;
    private const int LatestPause = 300;

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

    // True when the move went on while the guest had read the tables and not gone on.
    private static bool RunOne(RequestKind kind, int pause)
    {
        SimulatedFile file = Prepare();
        (int First, int Last) held = (-1, -1);
        var scheduler = new Scheduler(pause + 1, SchedulePolicy.Uniform)
        {
            HoldsBack = (actor, what, offset) =>
            {
                if (actor != "guest" || what != "read answered" || offset < Table || offset >= Table + Cluster)
                {
                    return false;
                }

                held = (held.First < 0 ? file.Trace.Count : held.First, file.Trace.Count);
                return true;
            },
        };
        var history = new SectorHistory();
        var guests = new Guests(scheduler, history, new Random(pause));
        history.Begin(Moved * Cluster, Cluster, Moved + 1);
        IDiskImage? image = null;
        scheduler.Spawn("opener", async () =>
            image = await s_backend.OpenAsync(scheduler.Open(file), new ImageOpenOptions { Tables = new TablePool(1), Time = scheduler.Time }).ConfigureAwait(false));
        scheduler.Run();
        image!.SetBeneath(Beneath.Nothing);
        var disk = new ImageGuestDisk(image);
        scheduler.Spawn("compact", async () => await image.CompactAsync(new CompactOptions()).ConfigureAwait(false));

        // Takes the only page there is, so that the guest reads a sector of the table for itself.
        scheduler.Spawn("neighbour", async () =>
        {
            for (int i = 1; i < Neighbours; i++)
            {
                await guests.CarryOutAsync(disk, new Request(RequestKind.Write, (Entries + i) * Cluster, SectorHistory.SectorBytes, IsCancelled: false), default).ConfigureAwait(false);
            }
        });
        scheduler.Spawn("guest", async () =>
        {
            await scheduler.PauseAsync(pause).ConfigureAwait(false);
            await guests.CarryOutAsync(disk, new Request(kind, Moved * Cluster, Cluster, IsCancelled: false), default).ConfigureAwait(false);
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
        return held.Last > held.First + 3;
    }

    // Of the clusters 0 to 5 one is zero: a compaction moves the last into its place. There is a second table.
    private static SimulatedFile Prepare()
    {
        var file = new SimulatedFile();
        using (SimulatedStorage storage = file.Open())
        {
            s_backend.Create(storage, new ImageCreateOptions
            {
                VirtualSizeBytes = 2L * Entries * Cluster,
                FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{Cluster}", ["table_size"] = "1", ["qemu_compat"] = "off" },
            });
        }

        using IDiskImage image = s_backend.Open(file.Open(), new ImageOpenOptions());
        image.SetBeneath(Beneath.Nothing);
        byte[] bytes = new byte[Cluster];
        image.Write((long)Entries * Cluster, bytes);
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
