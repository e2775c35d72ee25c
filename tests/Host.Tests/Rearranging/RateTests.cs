using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Maintenance;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Whatever copies keeps to its rate, by a clock that only the test moves.</summary>
public sealed class RateTests : IDisposable
{
    private const int Size = 1 << 20;
    private const int Rate = 256 << 10;
    private const int PieceBytes = 256 << 10;

    /// <summary>The last piece of work is not waited for, nor what may go at once: a tenth of a second's.</summary>
    private static readonly TimeSpan s_least = TimeSpan.FromSeconds((Size - PieceBytes) / Rate) - TimeSpan.FromMilliseconds(100);

    private readonly TestHost _test = new();
    private readonly FakeTime _time = new();
    private readonly DiskHost _host;

    public RateTests() => _host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false, Time = _time }.AddBackend<QedBackend>().AddBackend<RawBackend>());

    public void Dispose()
    {
        _host.Dispose();
        _test.Dispose();
    }

    [Theory]
    [InlineData("flatten", false)]
    [InlineData("rebase", false)]
    [InlineData("merge up", false)]
    [InlineData("merge down", true)]
    [InlineData("commit", true)]
    [InlineData("convert", true)]
    [InlineData("convert", false)]
    [InlineData("convert onto a parent", true)]
    [InlineData("convert into an image", true)]
    [InlineData("copy", true)]
    [InlineData("copy", false)]
    public async Task Rate_LimitsWhatIsCopied(string operation, bool isDataInTop)
    {
        _test.Qed("base.qed", Size);
        _test.Qed("top.qed", Size, "base.qed", "qed");
        using (VirtualDisk disk = _test.Host.OpenDisk(_test[isDataInTop ? "top.qed" : "base.qed"]))
        {
            byte[] data = new byte[Size];
            data.AsSpan().Fill(7);
            disk.Write(0, data);
            disk.Close();
        }

        DateTimeOffset start = _time.GetUtcNow();
        Task running = Task.Run(async () => await RunAsync(operation));

        // While the clock stands still it cannot end.
        Assert.NotSame(running, await Task.WhenAny(running, Task.Delay(100, TestContext.Current.CancellationToken)));
        while (!running.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(50));
            await Task.WhenAny(running, Task.Delay(2, TestContext.Current.CancellationToken));
        }

        await running;
        TimeSpan took = _time.GetUtcNow() - start;
        Assert.True(took >= s_least, $"{operation} of {Size} bytes took {took} at {Rate} bytes per second");
    }

    /// <summary>By any other clock it would take days.</summary>
    [Fact]
    public async Task Rate_IsKeptByTheClockOfTheHost()
    {
        using (VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("base.qed", Size)))
        {
            byte[] data = new byte[Size];
            data.AsSpan().Fill(7);
            disk.Write(0, data);
            disk.Close();
        }

        string top = _test.Qed("top.qed", Size, "base.qed", "qed");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task running = Task.Run(async () => await _host.FlattenAsync(top, new FlattenOptions { MaxBytesPerSecond = 1 }, cancellationToken: stop.Token));
        try
        {
            await Waiting.UntilAsync(() =>
            {
                _time.Advance(_time.UntilNext ?? TimeSpan.Zero);
                return running.IsCompleted;
            });
        }
        finally
        {
            await stop.CancelAsync();
        }

        await running;
    }

    /// <summary>The rate is for what is copied beside guests; those that wait for the end of a merge would wait for it. By a clock that stands still it would never end.</summary>
    [Fact]
    public async Task MergeFromTheTop_CopiesWhatGuestsWaitFor_AtNoRate()
    {
        _test.Qed("base.qed", PieceBytes);
        using VirtualDisk disk = _host.OpenDisk(_test.Qed("top.qed", PieceBytes, "base.qed", "qed"));
        byte[] expected = new byte[PieceBytes];
        disk.Write(0, expected);
        int rounds = 0;
        var progress = new Now(report =>
        {
            // As it copies all, and as it copies what was written then: one piece each, which may go at once and leaves a debt.
            if (report.DoneBytes == 0 && rounds < 2)
            {
                expected.AsSpan().Fill((byte)++rounds);
                disk.Write(0, expected);
            }
        });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task running = Task.Run(async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down, MaxBytesPerSecond = 1 }, progress, stop.Token));
        try
        {
            await running.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
        }

        Assert.Equal(2, rounds);
        Assert.Equal(expected, PushChain.ReadAll(disk));
    }

    private async Task RunAsync(string operation)
    {
        string top = _test["top.qed"];
        string target = _test["new.qed"];
        var convert = new ConvertOptions { TargetFormat = "qed", MaxBytesPerSecond = Rate };
        switch (operation)
        {
            case "flatten":
                await _host.FlattenAsync(top, new FlattenOptions { MaxBytesPerSecond = Rate });
                break;
            case "rebase":
                await _host.RebaseAsync(top, null, new RebaseOptions { MaxBytesPerSecond = Rate });
                break;
            case "merge up" or "merge down":
                MergeDirection direction = operation == "merge up" ? MergeDirection.Up : MergeDirection.Down;
                await _host.MergeAsync(top, new MergeOptions { MaxBytesPerSecond = Rate, Direction = direction });
                break;
            case "commit":
                await _host.CommitAsync(top, new CommitOptions { MaxBytesPerSecond = Rate });
                break;
            case "convert":
                await _host.ConvertAsync(top, target, convert);
                break;
            case "convert onto a parent":
                await _host.ConvertAsync(top, target, convert with { ParentPath = _test["base.qed"], ParentFormat = "qed" });
                break;
            case "convert into an image":
                _test.Qed("new.qed", Size);
                await _host.ConvertAsync(top, target, convert with { IntoExisting = true });
                break;
            default:
                await _host.CopyChainAsync(top, Directory.CreateDirectory(_test["copy"]).FullName, new CopyChainOptions { MaxBytesPerSecond = Rate });
                break;
        }
    }
}
