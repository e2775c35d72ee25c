using QedVd.ChainKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>One small chain, guests at work on it, and an operation meanwhile that may be cancelled.</summary>
internal sealed class LiveRound(ChainBench bench, string operation, int seed, string name)
{
    private readonly Random _random = new(seed);
    private TestChain _chain = null!;

    /// <summary>Runs it; true when the operation was cancelled before its end.</summary>
    public async Task<bool> RunAsync()
    {
        string folder = bench.NewFolder("live");
        ChainPlan plan = ChainPlan.Draw(_random, new ChainPlanOptions { LeastLevels = 2, MostLevels = 5, MostBytes = 400 << 10, MostClusterBytes = 65536, MostChanges = 6 });
        _chain = await bench.MakeAsync(plan, folder);
        using VirtualDisk disk = _chain.Open(mode: _random.Next(4) == 0 ? ConsistencyMode.Lazy : ConsistencyMode.Ordered);
        LiveOperation work = LiveOperation.Draw(operation, _chain, disk, _random);
        string what = $"{name}, {plan.Description}, {work.Description}";
        var load = new GuestLoad(disk, _chain.View, seed);
        bool isCancelled = false;
        try
        {
            await load.PassAsync(_random.Next(20));
            isCancelled = _random.Next(3) != 0 && await TryCancelAsync(work, disk, load);
            if (isCancelled)
            {
                await load.PassAsync(_random.Next(20));
            }

            if (!work.IsDone)
            {
                await work.RunAsync(default);
            }

            await load.PassAsync(_random.Next(20));
        }
        catch (ImageException exception)
        {
            throw new InvalidOperationException($"{what}: {exception.Message}", exception);
        }
        finally
        {
            GuestBytes now = await StopAsync(load, what);
            work.Settle(now);
        }

        await _chain.ShouldBeReadFromAsync(disk, what);
        await disk.CloseAsync();
        if (isCancelled)
        {
            // A shrink that is cancelled when the disk has its new size already gives nothing more back.
            await _chain.GiveBackLeaksAsync(what);
        }

        await _chain.ShouldHoldAsync(what, files: true);
        return isCancelled;
    }

    private async Task<bool> TryCancelAsync(LiveOperation work, VirtualDisk disk, GuestLoad load)
    {
        string[] before = [.. disk.Levels.Select(level => level.Path)];
        using var source = new CancellationTokenSource();
        Task running = Task.Run(() => work.RunAsync(source.Token));
        await load.PassAsync(_random.Next(30));
        await source.CancelAsync();
        try
        {
            await running;
            return false;
        }
        catch (OperationCanceledException)
        {
            // Either all levels are there, or those between are gone already; the top stays what it is, and running it again finishes it.
            Assert.Equal(before[0], disk.Path);
            Assert.Subset(before.ToHashSet(), disk.Levels.Select(level => level.Path).ToHashSet());
            return true;
        }
    }

    private static async Task<GuestBytes> StopAsync(GuestLoad load, string what)
    {
        try
        {
            return await load.StopAsync();
        }
        catch (Exception exception) when (exception is ImageException or Xunit.Sdk.IAssertionException)
        {
            throw new InvalidOperationException($"{what}: {exception.Message}", exception);
        }
    }
}
