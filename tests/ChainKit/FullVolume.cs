using System.Globalization;

namespace QedVd.ChainKit;

/// <summary>
/// Operations on a small volume of which everything but some pages is taken, one page more each time, until they come to their end: each time there is one
/// clear error, the guest reads what it read, and with room the operation completes. Runs in a process that has such a volume to itself.
/// </summary>
public sealed class FullVolume
{
    private const int Page = 4096;
    private const int MostPages = 500;

    private readonly ChainBench _bench;
    private readonly string _volume;
    private readonly string _folder;
    private readonly string _filler;
    private readonly long _seed;
    private readonly TestChain _pristine;
    private readonly TestChain _other;

    private FullVolume(ChainBench bench, string volume, long seed, TestChain pristine, TestChain other)
    {
        (_bench, _volume, _seed, _pristine, _other) = (bench, volume, seed, pristine, other);
        _folder = Path.Combine(volume, "chain");
        _filler = Path.Combine(volume, "filler");
    }

    /// <summary>The operations, by name.</summary>
    public static IEnumerable<string> Operations => FullVolumeOperations.Names;

    /// <summary>Runs all operations; returns a line for each, which begins with its name.</summary>
    public static async Task<List<string>> RunAsync(string volume, long seed)
    {
        using var bench = new ChainBench(ChainBench.InMemory);
        var random = new Random((int)seed);
        TestChain pristine = await bench.MakeAsync(FullVolumePlan.Draw(random), bench.NewFolder("pristine")).ConfigureAwait(false);
        var options = new ChainPlanOptions { LeastLevels = 2, MostLevels = 2, MostBytes = 120 << 10, MostClusterBytes = 8192, ForQemu = true, NamePrefix = "other" };
        TestChain other = await bench.MakeAsync(ChainPlan.Draw(random, options), bench.NewFolder("other")).ConfigureAwait(false);
        var full = new FullVolume(bench, volume, seed, pristine, other);
        List<string> lines = [];
        foreach (string operation in Operations)
        {
            lines.Add(await full.RunAsync(operation).ConfigureAwait(false));
        }

        return lines;
    }

    private async Task<string> RunAsync(string operation)
    {
        for (int pages = 0; ; pages++)
        {
            string what = $"{operation}, seed {_seed}, {pages} pages free";
            Assert.True(pages < MostPages, $"{what}: and no end");
            EmptyFolder();
            TestChain chain = _pristine.CopyTo(_folder);
            TestChain other = _other.CopyTo(_folder);
            FullVolumeWork work = new FullVolumeOperations(_bench.Host, chain, other, _bench).Make(operation);
            await work.Prepare().ConfigureAwait(false);
            string[] files = AllFiles();
            Fill(pages);
            string? error = await TryAsync(() => work.Run(true), what).ConfigureAwait(false);
            if (error is null)
            {
                await ShouldBeDoneAsync(work, files, what).ConfigureAwait(false);
                File.Delete(_filler);
                Assert.True(pages > 0 || !work.NeedsRoom, $"{what}: it needs room, and was done without any");
                return string.Create(CultureInfo.InvariantCulture, $"{operation}: {pages} times out of space, done with {pages} pages");
            }

            await ShouldReadAsBeforeAsync(chain, $"{what}: {error}").ConfigureAwait(false);
            Assert.True(!work.IsAllOrNothing || files.SequenceEqual(AllFiles()), $"{what}: it leaves {string.Join(", ", AllFiles().Except(files))}");

            File.Delete(_filler);
            await work.Run(false).ConfigureAwait(false);
            await ShouldBeDoneAsync(work, files, $"{what}: with room").ConfigureAwait(false);
        }
    }

    private async Task ShouldReadAsBeforeAsync(TestChain chain, string what)
    {
        using (VirtualDisk disk = chain.Open(readOnly: true))
        {
            await chain.ShouldBeReadFromAsync(disk, what).ConfigureAwait(false);
        }

        foreach (ChainLevel level in chain.Levels.Where(level => level.Format != "raw"))
        {
            CheckReport report = await _bench.Host.CheckAsync(level.Path).ConfigureAwait(false);
            Assert.True(report.IsSound, $"{what}: {level.Name} has {report.Corruptions} errors");
        }
    }

    /// <summary>Every level of what there is now reads as it must and is clean, and no file is there that was not there before and is no part of it.</summary>
    private async Task ShouldBeDoneAsync(FullVolumeWork work, string[] before, string what)
    {
        List<string> known = [_filler, .. before];
        foreach (TestChain chain in work.Apply())
        {
            await chain.ShouldHoldAsync(what).ConfigureAwait(false);
            known.AddRange(chain.Levels.Select(level => level.Path));
        }

        string[] strange = [.. AllFiles().Except(known)];
        Assert.True(strange.Length == 0, $"{what}: it leaves {string.Join(", ", strange)}");
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

    private void EmptyFolder()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private string[] AllFiles() => [.. Directory.GetFiles(_folder, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }).Order(StringComparer.Ordinal)];

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
