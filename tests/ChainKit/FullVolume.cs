using System.Globalization;

namespace QedVd.ChainKit;

/// <summary>
/// Operations on a small volume of which everything but a little is taken, a little more each time, until they come to their end: each time there is one
/// clear error, the guest reads what it read, and with room the operation completes. Runs in a process that has such a volume to itself.
/// </summary>
public sealed class FullVolume
{
    private const int Page = 4096;
    private const int MostSteps = 2000;

    private readonly ChainBench _bench;
    private readonly string _volume;
    private readonly string _filler;
    private readonly int _seed;
    private readonly TestChain _pristine;
    private readonly TestChain _other;
    private readonly Random _random;

    private FullVolume(ChainBench bench, string volume, int seed, TestChain pristine, TestChain other)
    {
        (_bench, _volume, _seed, _pristine, _other) = (bench, volume, seed, pristine, other);
        _filler = Path.Combine(volume, "filler");
        _random = new Random(seed);
    }

    /// <summary>Runs all operations; returns a line for each.</summary>
    public static async Task<List<string>> RunAsync(string volume, int seed, int mostPagesAtATime)
    {
        using var bench = new ChainBench();
        var random = new Random(seed);
        var options = new ChainPlanOptions { LeastLevels = 4, MostLevels = 4, MostBytes = 250 << 10, MostClusterBytes = 16384, ForQemu = true };
        TestChain pristine = await bench.MakeAsync(ChainPlan.Draw(random, options), bench.NewFolder("pristine")).ConfigureAwait(false);
        TestChain other = await bench.MakeAsync(ChainPlan.Draw(random, options with { LeastLevels = 2, MostLevels = 2, NamePrefix = "other" }), bench.NewFolder("other")).ConfigureAwait(false);
        var full = new FullVolume(bench, volume, seed, pristine, other);
        List<string> lines = [];
        foreach (string operation in (string[])["commit", "commit to the base", "flatten", "rebase to another", "rebase to a lower one", "merge down", "merge up", "merge in between", "convert", "snapshot", "grow"])
        {
            lines.Add(await full.RunAsync(operation, mostPagesAtATime).ConfigureAwait(false));
        }

        return lines;
    }

    private async Task<string> RunAsync(string operation, int mostPagesAtATime)
    {
        int failures = 0;
        for (int pages = 0, step = 0; ; pages += _random.Next(1, mostPagesAtATime + 1), step++)
        {
            string what = $"{operation}, seed {_seed}, {pages} pages free";
            Assert.True(step < MostSteps, $"{what}: and no end");
            TestChain chain = _pristine.CopyTo(Empty("chain"));
            TestChain other = _other.CopyTo(Path.Combine(_volume, "chain"));
            (Func<bool, ValueTask> run, Action apply) = Operation(operation, chain, other);
            Fill(pages);
            string? error = await TryAsync(() => run(true), what).ConfigureAwait(false);
            if (error is null)
            {
                apply();
                await chain.ShouldHoldAsync(what).ConfigureAwait(false);
                File.Delete(_filler);
                return string.Create(CultureInfo.InvariantCulture, $"{operation}: {failures} times out of space, done with {pages} pages");
            }

            failures++;
            using (VirtualDisk disk = chain.Open(readOnly: true))
            {
                await chain.ShouldBeReadFromAsync(disk, $"{what}: {error}").ConfigureAwait(false);
            }

            foreach (ChainLevel level in chain.Levels.Where(level => level.Format != "raw"))
            {
                CheckReport report = await _bench.Host.CheckAsync(level.Path).ConfigureAwait(false);
                Assert.True(report.IsSound, $"{what}: {level.Name} has {report.Corruptions} errors");
            }

            File.Delete(_filler);
            await run(false).ConfigureAwait(false);
            apply();
            await chain.ShouldHoldAsync($"{what}: with room", files: false).ConfigureAwait(false);
        }
    }

    private (Func<bool, ValueTask> Run, Action Apply) Operation(string name, TestChain chain, TestChain other)
    {
        DiskHost host = _bench.Host;
        string top = chain.Top.Path;
        switch (name)
        {
            case "commit":
                return (async skip => await host.CommitAsync(top, new CommitOptions { SkipSpaceCheck = skip }).ConfigureAwait(false), () => chain.Commit(1));
            case "commit to the base":
                return (async skip => await host.CommitAsync(top, new CommitOptions { TargetDepth = 3, SkipSpaceCheck = skip }).ConfigureAwait(false), () => chain.Commit(3));
            case "flatten":
                return (async skip => await host.FlattenAsync(top, new FlattenOptions { SkipSpaceCheck = skip }).ConfigureAwait(false), () => chain.Drop(chain.Levels.Skip(1)));
            case "rebase to another":
                return (
                    async skip => await host.RebaseAsync(top, other.Top.Path, new RebaseOptions { ParentFormat = other.Top.Format, SkipSpaceCheck = skip }).ConfigureAwait(false),
                    () =>
                    {
                        chain.Drop(chain.Levels.Skip(1));
                        chain.Levels.AddRange(other.Levels);
                    });
            case "rebase to a lower one":
                return (
                    async skip => await host.RebaseAsync(top, chain.Levels[3].Path, new RebaseOptions { ParentFormat = chain.Levels[3].Format, SkipSpaceCheck = skip }).ConfigureAwait(false),
                    () => chain.Drop(chain.Levels.Skip(1).Take(2)));
            case "merge down":
                return (async skip => await host.MergeAsync(top, new MergeOptions { ToDepth = 2, Direction = MergeDirection.Down, SkipSpaceCheck = skip }).ConfigureAwait(false), () => chain.Merge(0, 2, isDown: true));
            case "merge up":
                return (async skip => await host.MergeAsync(top, new MergeOptions { ToDepth = 3, Direction = MergeDirection.Up, SkipSpaceCheck = skip }).ConfigureAwait(false), () => chain.Merge(0, 3, isDown: false));
            case "merge in between":
                return (async skip => await host.MergeAsync(top, new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down, SkipSpaceCheck = skip }).ConfigureAwait(false), () => chain.Merge(1, 2, isDown: true));
            case "convert":
                string target = Path.Combine(_volume, "chain", "copy.qed");
                return (async _ => await host.ConvertAsync(top, target, new ConvertOptions { TargetFormat = "qed" }).ConfigureAwait(false), () =>
                {
                    chain.Drop(chain.Levels.Skip(1));
                    chain.Top.Path = target;
                });
            case "snapshot":
                string overlay = Path.Combine(_volume, "chain", "over.qed");
                return (
                    async _ =>
                    {
                        using VirtualDisk disk = chain.Open();
                        await disk.SnapshotAsync(overlay).ConfigureAwait(false);
                        await disk.CloseAsync().ConfigureAwait(false);
                    },
                    () => chain.PutOnTop(overlay));
            default:
                return (async _ => await host.ResizeAsync(top, 1 << 20).ConfigureAwait(false), () => chain.Top.View = chain.View.CloneAs(1 << 20));
        }
    }

    private static async Task<string?> TryAsync(Func<ValueTask> action, string what)
    {
        try
        {
            await action().ConfigureAwait(false);
            return null;
        }
        catch (ImageException exception)
        {
            Assert.True(exception.Kind == ImageErrorKind.OutOfSpace, $"{what}: {exception.Kind}, {exception.Message}");
            Assert.DoesNotContain('\n', exception.Message);
            return exception.Message;
        }
    }

    private string Empty(string name)
    {
        string folder = Path.Combine(_volume, name);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        return folder;
    }

    /// <summary>Leaves so many pages of the volume.</summary>
    private void Fill(int pages)
    {
        byte[] zeros = new byte[64 * Page];
        using FileStream file = File.Create(_filler);
        for (long left = new DriveInfo(_volume).AvailableFreeSpace - ((long)pages * Page); left > 0;)
        {
            int count = (int)Math.Min(left, zeros.Length);
            file.Write(zeros, 0, count);
            left -= count;
        }
    }
}
