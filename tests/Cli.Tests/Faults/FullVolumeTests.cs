using System.Globalization;
using QedVd.ChainKit;
using QedVd.Cli.Tests.Killing;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Faults;

/// <summary>
/// Every command that changes files, as a process that may make no file longer than so much (EFBIG), and on a volume that is full for real (ENOSPC): it says
/// so in one line, what the guest reads stays, and with room it completes.
/// </summary>
public sealed class FullVolumeTests
{
    private const int Kibi = 1024;
    private const int PageBytes = 4096;

    // What is leaked is cut off; and where nothing moves, nothing is written.
    private static readonly string[] s_writeNothing = ["check-leaks", "compact", "compact-equal"];

    [Fact]
    [Trait("Long", FaultCase.Name)]
    public async Task Commands_WithoutRoom_SaySo_KeepWhatTheGuestReads_AndCompleteWithRoom()
    {
        string shell = Peers.Require("sh");
        Peers.Require("unshare");
        if ((await ToolRun.RunAsync(Peers.Require("unshare"), ["-rm", shell, "-c", "mount -t tmpfs -o size=4k tmpfs /mnt"])).ExitCode != 0)
        {
            Assert.SkipUnless(Peers.InContinuousIntegration, "This system lets nobody mount a volume in a namespace of its own (unshare -rm).");
            Assert.Fail("No volume can be mounted in a namespace (unshare -rm), which is needed here.");
        }

        using var search = CommandSearch.Open($"{FaultCase.Name}-volume");
        TestContext.Current.TestOutputHelper?.WriteLine(search.ToString());
        HashSet<string> refusing = [];
        HashSet<string> completing = [];
        long refused = 0;
        long taken = 0;
        for (long number = search.Next(); search.GoesOn(taken++, CommandCases.All.Count); number = search.Next())
        {
            await FaultCase.RunAsync(search, typeof(FullVolumeTests), number, async () => refused += await RunCaseAsync(search, number, refusing, completing));
            search.Completed(number);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{refused} without room"));
        if (search.Only is null && taken > CommandCases.All.Count)
        {
            // Each has completed, undisturbed, before its room was taken. Whoever never needs to write can do without room.
            string[] never = [.. CommandCases.All.Select(@case => @case.Name).Except(refusing).Except(s_writeNothing)];
            Assert.True(never.Length == 0, $"{search}: never refused: {string.Join(", ", never)}");
            Assert.True(search.IsLong ? CommandCases.All.All(@case => completing.Contains(@case.Name)) : completing.Count > 0, $"{search}: only {string.Join(", ", completing)} ever had room enough");
        }
    }

    /// <summary>Returns how often the command was refused.</summary>
    private static async Task<int> RunCaseAsync(ProofSearch search, long number, HashSet<string> refusing, HashSet<string> completing)
    {
        int refused = 0;
        CommandCase @case = CommandCases.All[(int)(number % CommandCases.All.Count)];
        var random = new Random(search.SeedOf(number));
        using var bench = new ChainBench(ChainBench.InMemory);
        (DisturbedCommand command, int mostBytes, int roomBytes, bool writes) = await DrawAsync(bench, @case, random, $"{@case.Name}, seed {search.Seed}, case {number}");
        foreach ((bool isVolume, int bytes) in Draw(random, mostBytes, roomBytes, search.IsLong, isOdd: number % 2 == 1))
        {
            bool hasFailed;
            try
            {
                hasFailed = isVolume ? await command.RunOnVolumeAsync(bytes) : await command.RunWithLimitAsync(bytes);
            }
            catch
            {
                search.Count(Measure.Faults, 1, wrong: 1);
                throw;
            }

            // No byte can be written to any file: who writes is refused, and only who writes.
            Assert.True(isVolume || bytes > 0 || hasFailed == writes, $"{@case.Name}, seed {search.Seed}, case {number}: {(writes ? "writes" : "writes nothing")}, and was {(hasFailed ? "" : "not ")}refused");
            (hasFailed ? refusing : completing).Add(@case.Name);
            refused += hasFailed ? 1 : 0;
            search.Count(Measure.Faults, hasFailed ? 1 : 0);
        }

        return refused;
    }

    /// <summary>A chain in which the command has something to write, where it ever has: not every chain that is drawn is such a one.</summary>
    private static async Task<(DisturbedCommand Command, int MostBytes, int RoomBytes, bool Writes)> DrawAsync(ChainBench bench, CommandCase @case, Random random, string name)
    {
        const int MostDraws = 16;
        for (int draw = 1; ; draw++)
        {
            (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, random, isLarge: false);
            var command = new DisturbedCommand(bench, @case, pristine, $"{name}, {description}");
            (int mostBytes, int roomBytes, bool writes) = await command.MeasureRoomAsync();
            if (writes || draw == MostDraws || s_writeNothing.Contains(@case.Name))
            {
                return (command, mostBytes, roomBytes, writes);
            }
        }
    }

    /// <summary>
    /// No file beyond nothing, for each command; then, in units of what they are given in, limits below what the undisturbed run needed, sometimes in a normal run.
    /// In a long one, behind those, any limit, any room on a volume, and one that is enough.
    /// </summary>
    private static IEnumerable<(bool IsVolume, int Bytes)> Draw(Random random, int mostBytes, int roomBytes, bool isLong, bool isOdd)
    {
        const int Plenty = 16;

        // Few commands need all that they take.
        int half = isOdd ? random.Next((roomBytes / 2 / PageBytes) + 1) * PageBytes : random.Next(mostBytes / 2 / Kibi) * Kibi;
        (bool, int)[] drawn = random.Next(2) == 0 ? [(false, 0)] : [(false, 0), (isOdd, half)];
        return isLong
            ? [.. drawn, (false, random.Next(1, Math.Max(2, mostBytes / Kibi)) * Kibi), (true, random.Next((roomBytes / PageBytes) + 1) * PageBytes), (true, (Plenty << 20) / PageBytes * PageBytes)]
            : drawn;
    }
}
