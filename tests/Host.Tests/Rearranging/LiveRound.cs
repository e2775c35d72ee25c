using System.Diagnostics;
using QedVd.ChainKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>One small chain, guests at work on it, and an operation meanwhile that is cancelled half way, if it does not come to its end first; then it is run again.</summary>
internal sealed class LiveRound(ChainBench bench, string operation, int seed, string name)
{
    private const int MostReports = 2;
    private const int MostBytes = 3 << 19;

    private readonly Random _random = new(seed);
    private TestChain _chain = null!;
    private LiveOperation _work = null!;
    private GuestBytes _now = null!;
    private string _what = "";
    private int _loads;
    private bool _mayLeak;

    /// <summary>How long the operation takes that does not tell how far it is; 0: not known yet.</summary>
    public TimeSpan Usual { get; init; }

    /// <summary>How long it took this time, from begin to end.</summary>
    public TimeSpan Took { get; private set; }

    /// <summary>Whether the chain is closed, opened and looked at between the cancellation and the next run.</summary>
    public bool Reopens { get; init; }

    /// <summary>Runs it; true when the operation was cancelled half way.</summary>
    public async Task<bool> RunAsync()
    {
        string folder = bench.NewFolder("live");
        ChainPlan plan = DrawPlan();
        _chain = await bench.MakeAsync(plan, folder);
        _work = await LiveOperation.DrawAsync(operation, bench, _chain, _random);
        _now = _chain.View;
        _what = $"{name}, {plan.Description}, {_work.Description}";
        VirtualDisk disk = Open();
        try
        {
            bool isCancelled = await UnderLoadAsync(disk, async load =>
            {
                bool isCancelled = await TryCancelAsync(disk, load);
                if (!_work.IsDone && !Reopens)
                {
                    await load.PassAsync(_random.Next(20));
                    await FinishAsync(disk);
                }

                return isCancelled;
            });
            if (!_work.IsDone)
            {
                disk = await ReopenAsync(disk);
                await UnderLoadAsync(disk, async _ =>
                {
                    await FinishAsync(disk);
                    return true;
                });
            }

            _work.Settle(_now);
            await _chain.ShouldBeReadFromAsync(disk, _what);
            await disk.CloseAsync();
            if (_mayLeak)
            {
                // A resize that is cancelled when the disk has its new size already gives nothing more back.
                await _chain.GiveBackLeaksAsync(_what);
            }

            await _chain.ShouldHoldAsync(_what, files: true);
            return isCancelled;
        }
        catch (ImageException exception)
        {
            throw new InvalidOperationException($"{_what}: {exception.Message}", exception);
        }
        finally
        {
            disk.Dispose();
        }
    }

    /// <summary>Half of each level is data, so that there are several pieces to copy. Where the disk is to grow, tables that reach 1 GiB: beyond that they must move.</summary>
    private ChainPlan DrawPlan()
    {
        var options = new ChainPlanOptions { LeastLevels = 2, MostLevels = 5, MostBytes = MostBytes, MostClusterBytes = 65536, MostChanges = 6 };
        ChainPlan plan;
        do
        {
            plan = ChainPlan.Draw(_random, options);
        }
        while (plan.Levels.Any(level => level.SizeBytes < MostBytes / 2));

        LevelPlan top = plan.Levels[^1];
        top = operation == "resize" ? top with { ClusterBytes = 4096, TableClusters = 1 } : top;
        return plan with { Levels = [.. plan.Levels.SkipLast(1).Append(top).Select(level => level with { Changes = [HalfOf(level), .. level.Changes] })] };
    }

    private GuestChange HalfOf(LevelPlan level) => new(GuestChangeKind.Data, _random.NextInt64(level.SizeBytes / 2), (int)(level.SizeBytes / 2), _random.NextInt64());

    private VirtualDisk Open() => _chain.Open(mode: _random.Next(4) == 0 ? ConsistencyMode.Lazy : ConsistencyMode.Ordered);

    private async Task<bool> TryCancelAsync(VirtualDisk disk, GuestLoad load)
    {
        string[] before = [.. disk.Levels.Select(level => level.Path)];
        using var point = new CancelPoint(_random.Next(1, MostReports + 1), isInside: _random.Next(2) == 0);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var watch = Stopwatch.StartNew();
        Task running = Task.Run(async () =>
        {
            watch.Restart();
            started.SetResult();
            await _work.RunAsync(disk, isLimited: true, point, point.Token);
        });
        if (_work.TellsOften)
        {
            if (await Task.WhenAny(point.Reached, running) == point.Reached)
            {
                await load.PassAsync(_random.Next(3));
                await point.CancelAsync();
            }
        }
        else
        {
            await started.Task;
            TimeSpan moment = Usual * _random.NextDouble();
            SpinWait.SpinUntil(() => watch.Elapsed >= moment);
            await point.CancelAsync();
        }

        try
        {
            await running;
            Took = watch.Elapsed;
            _mayLeak = point.Token.IsCancellationRequested;
            return false;
        }
        catch (OperationCanceledException)
        {
            _mayLeak = true;

            // Either all levels are there, or those between are gone already; the top stays what it is, and running it again finishes it.
            Assert.Equal(before[0], disk.Path);
            Assert.Subset(before.ToHashSet(), disk.Levels.Select(level => level.Path).ToHashSet());
            return true;
        }
    }

    private async Task FinishAsync(VirtualDisk disk)
    {
        var watch = Stopwatch.StartNew();
        await _work.RunAsync(disk, isLimited: false, null, default);
        Took = watch.Elapsed;
    }

    /// <summary>What a cancelled operation leaves in the files is a valid chain, and the guest goes on with it.</summary>
    private async Task<VirtualDisk> ReopenAsync(VirtualDisk disk)
    {
        string what = $"{_what}: cancelled and closed";
        string[] before = [.. disk.Levels.Select(level => level.Path)];
        await disk.CloseAsync();
        foreach (ChainLevel level in _chain.Levels.Where(level => level.Format != "raw" && File.Exists(level.Path)))
        {
            CheckReport report = await bench.Host.CheckAsync(level.Path, request: new ImageOpenRequest { Format = level.Format });
            Assert.True(report.IsSound, $"{what}: {level.Name} has {report.Corruptions} errors");
        }

        if (_work.KeepsBeneath)
        {
            await new TestChain(bench, _chain.Levels.Skip(1)).ShouldHoldAsync(what);
        }

        VirtualDisk again = Open();
        Assert.True(before.SequenceEqual(again.Levels.Select(level => level.Path)), $"{what}: the chain is {string.Join(" -> ", again.Levels.Select(level => level.Path))}");
        Assert.True(again.LengthBytes == _now.LengthBytes || _work.Sizes.Contains(again.LengthBytes), $"{what}: {again.LengthBytes} bytes");
        await _now.CloneAs(again.LengthBytes).ShouldBeReadFromAsync(again, what);
        return again;
    }

    private async Task<bool> UnderLoadAsync(VirtualDisk disk, Func<GuestLoad, Task<bool>> action)
    {
        var load = new GuestLoad(disk, _now, seed + _loads++);
        try
        {
            await load.PassAsync(_random.Next(20));
            bool result = await action(load);
            await load.PassAsync(_random.Next(20));
            return result;
        }
        finally
        {
            _now = await StopAsync(load);
        }
    }

    private async Task<GuestBytes> StopAsync(GuestLoad load)
    {
        try
        {
            return await load.StopAsync();
        }
        catch (Exception exception) when (exception is ImageException or Xunit.Sdk.IAssertionException)
        {
            throw new InvalidOperationException($"{_what}: {exception.Message}", exception);
        }
    }
}
