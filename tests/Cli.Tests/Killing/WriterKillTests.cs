using System.Diagnostics;
using System.Globalization;
using QedVd.ChainKit;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// A process that writes to a chain for as long as it lives, killed at any moment and at any of its calls: each flush that it was told of holds, and of what
/// came after it each sector is as it was or as one of the writes under way made it. The next writer goes on from there.
/// </summary>
public sealed class WriterKillTests
{
    private const string Name = "kill-writer";
    private const int Usual = 18;
    private const int KillsOfAChain = 3;
    private const int MostRoundsBefore = 60;

    // So much that most writes take new clusters: what writes in place needs no flush to outlive its process.
    private const int DiskBytes = 4 << 20;
    private static readonly string[] s_calls = ["pwrite64", "pwrite64", "pwrite64", "fdatasync", "ftruncate", "fallocate"];

    [Fact]
    [Trait("Long", KillSearch.Name)]
    public async Task Writer_KilledAnywhere_LosesNothingThatWasAcknowledged()
    {
        Peers.Require("strace", Measure.Kills);
        using var search = new ProofSearch(Name, "src/Abstractions", "src/Backends.Qed", "src/Backends.Raw", "src/Host", "tests/ChainKit", "tests/Cli.Tests/Killing");
        TestContext.Current.TestOutputHelper?.WriteLine(search.ToString());
        var tally = new Tally();
        for (long number = search.Next(); search.GoesOn(tally.Kills, Usual); number = search.Next())
        {
            await CommandSearch.RunCaseAsync(search, number, RunCaseAsync, nameof(Writer_KilledAnywhere_LosesNothingThatWasAcknowledged));
            search.Completed(number);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{tally.Kills} writers killed, {tally.AtCalls} of them at a call; {tally.Rounds} flushes acknowledged; {tally.Partial} had begun with what followed"));
        if (search.Only is null)
        {
            Assert.True(tally.AtCalls > 0 && tally.Kills > tally.AtCalls && tally.Rounds > tally.Kills && tally.Partial > 0, $"{search}: {tally}");
            Assert.True(search.IsLong || tally.Modes.Count == 3, $"{search}: only {string.Join(", ", tally.Modes)}");
        }

        async Task RunCaseAsync(long number)
        {
            try
            {
                await KillWritersAsync(search, number, tally);
            }
            catch
            {
                search.Count(Measure.Kills, 1, wrong: 1);
                throw;
            }
        }
    }

    private static async Task KillWritersAsync(ProofSearch search, long number, Tally tally)
    {
        var random = new Random(search.SeedOf(number));
        using var bench = new ChainBench(ChainBench.InMemory);
        var plan = ChainPlan.Draw(random, new ChainPlanOptions { LeastLevels = 2, MostLevels = 4, MostBytes = 300 << 10, MostClusterBytes = 16384, MostChanges = 5 });
        string folder = bench.NewFolder("chain");
        TestChain chain = await bench.MakeAsync(plan, folder);
        var top = new LevelPlan { Name = "writer.qed", Format = "qed", SizeBytes = DiskBytes, ClusterBytes = random.Next(2) == 0 ? 4096 : 16384, TableClusters = 1, Changes = [] };
        chain.Levels.Insert(0, await bench.MakeLevelAsync(top, chain.Top, folder));
        for (int kill = 0; kill < KillsOfAChain; kill++)
        {
            var mode = (ConsistencyMode)((number + kill) % 3);
            bool isAtCall = (number + kill) % 2 == 0;
            int seed = random.Next();
            string call = s_calls[random.Next(s_calls.Length)];
            string[] below = isAtCall ? [Peers.Require("strace"), "-f", "-qq", "-o", "/dev/null", "-e", $"trace={call}", "-e", $"inject={call}:signal=KILL:when={random.Next(1, call == "pwrite64" ? 150 : 40)}"] : [];
            int rounds = random.Next(MostRoundsBefore);
            string what = $"{search}, case {number}, kill {kill} ({mode}, {(isAtCall ? string.Join(' ', below[^1]) : $"after {rounds} flushes")}), {plan.Description}";

            (int acknowledged, bool wasKilled) = await KillAsync(chain.Top.Path, seed, mode, below, isAtCall ? int.MaxValue : rounds, random.Next(4), what);

            tally.Kills += wasKilled ? 1 : 0;
            tally.AtCalls += wasKilled && isAtCall ? 1 : 0;
            tally.Rounds += acknowledged;
            tally.Modes.Add(mode);
            search.Count(Measure.Kills, wasKilled ? 1 : 0);
            tally.Partial += await AdoptAsync(bench, chain, seed, acknowledged, what) ? 1 : 0;
        }
    }

    /// <summary>Returns how many rounds were acknowledged.</summary>
    private static async Task<(int Acknowledged, bool WasKilled)> KillAsync(string disk, int seed, ConsistencyMode mode, string[] below, int rounds, int delayMs, string what)
    {
        const int Killed = 137;
        using Process process = FlushedWriter.Start(disk, seed, mode, below);
        Task<string> error = process.StandardError.ReadToEndAsync();
        int acknowledged = 0;
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            // A line that was cut is no acknowledgement, and none is: it is one write to a pipe.
            Assert.Equal(acknowledged.ToString(CultureInfo.InvariantCulture), line);
            if (acknowledged++ == rounds)
            {
                await Task.Delay(delayMs);
                process.Kill();
            }
        }

        await process.WaitForExitAsync();
        Assert.True(process.ExitCode is Killed or 0, $"{what}: the writer ended with {process.ExitCode}\n{await error}");
        return (acknowledged, process.ExitCode == Killed);
    }

    /// <summary>Holds the disk against what may be there, and takes it over; whether something of the round that was not acknowledged is there.</summary>
    private static async Task<bool> AdoptAsync(ChainBench bench, TestChain chain, int seed, int acknowledged, string what)
    {
        GuestBytes view = chain.View.Clone();
        WriterRound[] all = [.. WriterRound.Draw(seed, view.LengthBytes).Take(acknowledged + 1)];
        foreach (WriterRound round in all.Take(acknowledged))
        {
            round.Apply(view);
        }

        byte[][] possible = [view.ToArray(), .. all[^1].Steps(view).Select(step => step.ToArray())];
        byte[] now = new byte[view.LengthBytes];
        using (VirtualDisk disk = chain.Open(readOnly: true))
        {
            await disk.ReadAsync(0, now);
            disk.Close();
        }

        for (int start = 0; start < now.Length; start += WriterRound.SectorBytes)
        {
            Range sector = start..Math.Min(start + WriterRound.SectorBytes, now.Length);
            Assert.True(possible.Any(bytes => bytes.AsSpan(sector).SequenceEqual(now.AsSpan(sector))), $"{what}: of {acknowledged} acknowledged rounds the sector at {start} is lost");
        }

        bool isPartial = !now.AsSpan().SequenceEqual(possible[0]);
        chain.Top.View = new GuestBytes(now.Length);
        chain.Top.View.Write(0, now);
        foreach (ChainLevel level in chain.Levels.Where(level => level.Format == "qed"))
        {
            CheckReport report = await bench.Host.CheckAsync(level.Path, request: new ImageOpenRequest { Format = "qed" });
            Assert.True(report.IsSound, $"{what}: {level.Name} has {report.Corruptions} errors");
        }

        // The levels below as well.
        foreach (ChainLevel level in chain.Levels.Skip(1))
        {
            using VirtualDisk disk = bench.Host.OpenDisk(level.Path, chain.Options with { Format = level.Format, ReadOnly = true });
            await level.View.ShouldBeReadFromAsync(disk, what);
            disk.Close();
        }

        return isPartial;
    }

    private sealed record Tally
    {
        public int Kills { get; set; }

        public int AtCalls { get; set; }

        public int Rounds { get; set; }

        public int Partial { get; set; }

        public HashSet<ConsistencyMode> Modes { get; } = [];
    }
}
