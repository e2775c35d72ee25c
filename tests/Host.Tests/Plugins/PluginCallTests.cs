using QedVd.TestKit;

namespace QedVd.Host.Tests;

/// <summary>Calls of plugins that do not come back: what counts as that, whose fault it is, and that no more than one thread stays behind in each.</summary>
public sealed class PluginCallTests : IDisposable
{
    private static readonly TimeSpan s_limit = new BackendCatalogOptions().PluginCallLimit;

    private readonly PluginFolder _folder = new();
    private readonly FakeTime _time = new();
    private readonly ManualResetEventSlim _goOn = new();
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _asked;

    public void Dispose()
    {
        Disturb(null);
        _goOn.Set();
        _goOn.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Loading_MayTakeAsLongAsItTakes()
    {
        Disturb(null);
        var catalog = new BackendCatalog(new BackendCatalogOptions { Time = _time, Loader = new HookedLoader(_ => _time.Advance(10 * s_limit)) });

        Assert.Null(catalog.LoadFile(TestPluginFiles.PathOf("Disturbed")).Reason);
    }

    [Fact]
    public async Task Constructor_ThatHangs_IsNotStartedAgain()
    {
        Disturb(_ => Hang());
        var catalog = new BackendCatalog(new BackendCatalogOptions { Time = _time, AreUnloadable = true });
        await AdvanceUntilAsync(Task.Run(() => catalog.LoadFile(TestPluginFiles.PathOf("Disturbed"))));

        PluginReport again = await AdvanceUntilAsync(Task.Run(() => catalog.LoadFile(TestPluginFiles.PathOf("Disturbed"))));

        Assert.Equal((PluginState.Refused, "its constructor or its Info has still not come back from an earlier time."), (again.State, again.Reason));
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task Limit_IsThatOfTheOptions()
    {
        Disturb(_ => Hang());
        var catalog = new BackendCatalog(new BackendCatalogOptions { Time = _time, PluginCallLimit = TimeSpan.FromSeconds(1.5) });

        Task<PluginReport> loading = Task.Run(() => catalog.LoadFile(TestPluginFiles.PathOf("Disturbed")));
        PluginReport report = await AdvanceUntilAsync(loading);

        Assert.Equal("it has not come back from its constructor or its Info for 1.5 s, and is not waited for any longer.", report.Reason);
        Assert.Throws<ArgumentOutOfRangeException>(() => new BackendCatalogOptions { PluginCallLimit = TimeSpan.Zero });
        Assert.Equal(Timeout.InfiniteTimeSpan, new BackendCatalogOptions { PluginCallLimit = Timeout.InfiniteTimeSpan }.PluginCallLimit);
    }

    [Fact]
    public async Task Probes_AtOnce_LeaveOneThreadInABackendThatHangs()
    {
        Prober prober = CreateProber();
        Disturb(_ => Hang());

        ProbeReport[] reports = await AdvanceUntilAsync(Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => prober.Probe(new SimulatedStorage())))));

        Assert.All(reports, report => Assert.True(report.Candidates.Single(candidate => candidate.FormatId == "disturbed").IsFault));
        Assert.Equal(1, _asked);
    }

    [Fact]
    public void Backend_ThatHangs_IsNotAskedAgain_WhenAProbeThatWasRefusedForThatIsGivenUpToo()
    {
        int asked = 0;
        var fake = new FakeBackend("fake")
        {
            OnProbe = () =>
            {
                asked++;
                return new ProbeResult(ProbeConfidence.Maybe, "asked");
            },
        };
        var backend = new RegisteredBackend(fake, fake.Info, "fake");
        var hanging = new SteppedWork(_time);
        var refused = new SteppedWork(_time);
        backend.GiveUp(hanging);
        backend.GiveUp(refused);
        refused.Run();

        Assert.Throws<ImageException>(() => backend.Probe(default));
        Assert.Equal(0, asked);

        hanging.Run();
        backend.Probe(default);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task Probe_ThatIsCancelled_AsksNobodyElse_AndTheBackendThatItHungInIsStillGoodWhenItComesBack()
    {
        int others = 0;
        Prober prober = CreateProber(() => Interlocked.Increment(ref others));
        Disturb(_ => Hang());
        using var cancellation = new CancellationTokenSource();
        Task probing = prober.ProbeAsync(new SimulatedStorage(), cancellationToken: cancellation.Token).AsTask();
        await _reached.Task;
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probing);
        Disturb(null);
        _goOn.Set();

        ProbeReport report = prober.Probe(new SimulatedStorage());

        Assert.DoesNotContain(report.Candidates, candidate => candidate.IsFault);
        Assert.Equal(1, others);
    }

    [Fact]
    public void Limit_CountsEachStepForItself_AndGivesUpTheOneThatIsUnderWay()
    {
        var work = new SteppedWork(_time);
        work.Begin("one");
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.True(work.End());
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.False(work.TryGiveUp(s_limit));

        work.Begin("two");
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.False(work.TryGiveUp(s_limit));
        Assert.Equal(TimeSpan.FromSeconds(4), work.TimeLeft(s_limit));
        _time.Advance(TimeSpan.FromSeconds(4));

        Assert.True(work.TryGiveUp(s_limit));
        Assert.Equal("two", work.GivenUp);
        Assert.False(work.End());
        Assert.False(work.Begin("three"));
    }

    [Fact]
    public void PluginFile_ThatIsReplacedBetweenTheLookAtItAndTheLoading_IsLoadedAsWhatItIsThen()
    {
        Disturb(null);
        string path = _folder.Add("Good");
        string other = _folder.Add("Disturbed", "Other");
        bool isFirst = true;
        var catalog = new BackendCatalog(new BackendCatalogOptions
        {
            AreUnloadable = true,
            Loader = new HookedLoader(_ =>
            {
                if (isFirst)
                {
                    isFirst = false;
                    File.Move(other, path, overwrite: true);
                }
            }),
        });

        PluginReport report = catalog.LoadFile(path);

        Assert.True(report.State == PluginState.Loaded && report.Backends[0].Id == "disturbed", report.ToString());
    }

    private Prober CreateProber(Action? onLast = null)
    {
        Disturb(null);
        var catalog = new BackendCatalog(new BackendCatalogOptions { Time = _time });
        Assert.Null(catalog.LoadFile(TestPluginFiles.PathOf("Disturbed")).Reason);
        catalog.Add(new FakeBackend("last")
        {
            OnProbe = () =>
            {
                onLast?.Invoke();
                return new ProbeResult(ProbeConfidence.Certain, "mine");
            },
        });
        return new Prober(catalog);
    }

    private static void Disturb(Func<string, object?>? how) => AppContext.SetData("disturb Disturbed", how);

    private object? Hang()
    {
        Interlocked.Increment(ref _asked);
        _reached.TrySetResult();
        _goOn.Wait();
        return null;
    }

    private async Task<T> AdvanceUntilAsync<T>(Task<T> task)
    {
        await Task.WhenAny(_reached.Task, task);
        while (!task.IsCompleted)
        {
            _time.Advance(s_limit);
            await Task.WhenAny(task, Task.Delay(5));
        }

        return await task;
    }

    private sealed class HookedLoader(Action<PluginLoadRequest> before) : IPluginLoader
    {
        private readonly PluginLoader _inner = new();

        public IPluginContext Load(PluginLoadRequest request)
        {
            before(request);
            return _inner.Load(request);
        }
    }

    private sealed class SteppedWork(TimeProvider time) : PluginWork(time)
    {
        private string? _present;

        public string? GivenUp { get; private set; }

        public bool Begin(string step)
        {
            _present = step;
            return TryBegin();
        }

        public bool End() => TryEnd();

        protected override void GiveUpStep() => GivenUp = _present;

        protected override void Steps() => throw new NotSupportedException();
    }
}
