using System.Runtime.CompilerServices;
using QedVd.TestKit;

namespace QedVd.Host.Tests;

/// <summary>One plugin that does whatever a test tells it to, in every member: the host says who did it, and goes on.</summary>
public sealed class MisbehavingPluginTests : IDisposable
{
    private const string Title = "backend 'disturbed' of plugin 'Disturbed'";
    private const int SizeBytes = 65536;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private readonly PluginFolder _folder = new();
    private readonly FakeTime _time = new();
    private readonly string _image;

    public MisbehavingPluginTests()
    {
        Disturb(null);
        _image = Path.Combine(_folder.Root, "disk.img");
        File.WriteAllBytes(_image, [.. Enumerable.Range(0, SizeBytes).Select(index => (byte)(index * 7))]);
    }

    public static TheoryData<string> Members => ["open", "warnings", "file size", "set-beneath", "try-map", "map", "read", "write", "zero", "discard", "flush", "close"];

    public void Dispose()
    {
        Disturb(null);
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Members))]
    public async Task Member_ThatThrowsWhatItMayNot_IsAFaultThatNamesThePlugin_AndTheHostGoesOn(string member)
    {
        using DiskHost host = CreateHost();
        foreach (bool synchronous in new[] { true, false })
        {
            bool isReached = false;
            Disturb(asked => asked == member ? throw Reached() : null);
            ImageException exception = await Assert.ThrowsAsync<ImageException>(() => UseAsync(host, synchronous));

            Assert.Equal(ImageErrorKind.BackendFault, exception.Kind);
            Assert.Contains("KeyNotFoundException: at 17", exception.Message, StringComparison.Ordinal);
            Assert.Contains(Title, exception.Message, StringComparison.Ordinal);
            Assert.Contains("disk.img", exception.Message, StringComparison.Ordinal);
            Assert.True(isReached);

            Disturb(null);
            await UseAsync(host, synchronous);

            KeyNotFoundException Reached()
            {
                isReached = true;
                return new KeyNotFoundException("at 17");
            }
        }
    }

    [Fact]
    public async Task Member_ThatThrowsAnErrorOfTheContract_IsBelieved()
    {
        using DiskHost host = CreateHost();
        Disturb(asked => asked == "read" ? throw new ImageException(ImageErrorKind.Corrupt, "so corrupt") : null);

        Assert.Equal("so corrupt", (await Assert.ThrowsAsync<ImageException>(() => UseAsync(host, synchronous: true))).Message);
    }

    public static TheoryData<string, object> WrongAnswers => new()
    {
        { "read", new ReadResult(ExtentKind.Data, -1) },
        { "read", new ReadResult(ExtentKind.Data, 0) },
        { "read", new ReadResult(ExtentKind.Data, SizeBytes + 1) },
        { "read", new ReadResult((ExtentKind)77, 512) },
        { "write", WriteResult.Done(-1) },
        { "write", WriteResult.Done(0) },
        { "write", WriteResult.Done(long.MaxValue) },
        { "write", WriteResult.Free(512, 0, 0) },
        { "zero", WriteResult.Done(0) },
        { "discard", WriteResult.Done(SizeBytes + 1L) },
        { "map", new Extent(ExtentKind.Data, 0, 0) },
        { "map", new Extent(ExtentKind.Data, SizeBytes + 1L, 0) },
        { "map", new Extent(ExtentKind.Data, 512, long.MinValue) },
        { "try-map", new Extent(ExtentKind.Zero, -1, 0) },
        { "size", -512L },
    };

    [Theory]
    [MemberData(nameof(WrongAnswers))]
    public async Task Member_ThatAnswersWhatCannotBe_IsAFault_AndTheHostGoesOn(string member, object answer)
    {
        using DiskHost host = CreateHost();
        Disturb(asked => asked == member ? answer : null);

        foreach (bool synchronous in new[] { true, false })
        {
            ImageException exception = await Assert.ThrowsAsync<ImageException>(() => UseAsync(host, synchronous));
            Assert.True(exception.Kind == ImageErrorKind.BackendFault && exception.Message.Contains("disturbed", StringComparison.Ordinal), exception.ToString());
        }

        Disturb(null);
        await UseAsync(host, synchronous: true);
    }

    [Fact]
    public async Task Answer_ThatComesLate_IsTakenWhenItComes_AndTheDiskWaitsForItBeforeItCloses()
    {
        using DiskHost host = CreateHost();
        VirtualDisk disk = Open(host);
        var late = new TaskCompletionSource<object?>(TaskCreationOptions.RunContinuationsAsynchronously);
        Disturb(asked => asked == "read" ? late.Task : null);
        using var cancellation = new CancellationTokenSource();
        byte[] buffer = new byte[512];

        Task reading = disk.ReadAsync(0, buffer, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        Disturb(null);
        Task closing = disk.CloseAsync().AsTask();

        // The buffer is the plugin's until it answers, whatever the caller has given up.
        Assert.False(reading.IsCompleted || closing.IsCompleted);
        late.SetResult(new ReadResult(ExtentKind.Data, 512));
        await reading;
        await closing;
    }

    [Fact]
    public async Task Member_ThatCallsBackIntoTheHost_IsServed()
    {
        using DiskHost host = CreateHost();
        using VirtualDisk disk = Open(host);
        bool isInside = false;
        List<string> served = [];
        Disturb(asked =>
        {
            if (isInside)
            {
                return null;
            }

            isInside = true;
            disk.Read(512, new byte[512]);
            Assert.NotEmpty(host.Probe(_image).Candidates);
            using (VirtualDisk other = host.OpenDisk(_image, new DiskOpenOptions { Format = "disturbed", ReadOnly = true, ForceShare = true }))
            {
                other.Read(0, new byte[512]);
            }

            Assert.Single(host.Backends.Plugins);
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => host.Backends.Unload("Disturbed")).Kind);
            served.Add(asked);
            isInside = false;
            return null;
        });

        disk.Read(0, new byte[512]);
        await disk.ReadAsync(0, new byte[512]);
        host.Probe(_image);
        disk.Write(0, new byte[512]);
        disk.Flush();
        disk.Map(0, 512);

        Assert.Superset(new HashSet<string> { "read", "probe", "write", "flush", "map" }, served.ToHashSet());
    }

    [Fact]
    public void Constructor_ThatCallsBackIntoTheCatalogue_IsServed()
    {
        var catalog = new BackendCatalog();
        PluginReport? inner = null;
        Disturb(_ =>
        {
            inner = catalog.LoadFile(TestPluginFiles.PathOf("Good"));
            return null;
        });

        Assert.Equal(PluginState.Loaded, catalog.LoadFile(TestPluginFiles.PathOf("Disturbed")).State);
        Assert.Equal(PluginState.Loaded, inner?.State);
    }

    [Fact]
    public async Task Constructor_ThatNeverReturns_IsRefused_AndTheNextPluginLoads()
    {
        using var goOn = new ManualResetEventSlim();
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Disturb(_ => Hang(reached, goOn));
        var catalog = new BackendCatalog(new BackendCatalogOptions { Time = _time, AreUnloadable = true });

        Task<PluginReport> loading = Task.Run(() => catalog.LoadFile(TestPluginFiles.PathOf("Disturbed")));
        await reached.Task;
        PluginReport report = await AdvanceUntilAsync(loading);

        Assert.Equal((PluginState.Refused, "it has not come back from its constructor or its Info for 10 s, and is not waited for any longer."), (report.State, report.Reason));
        Assert.Equal(PluginState.Loaded, catalog.LoadFile(TestPluginFiles.PathOf("Good")).State);
        Disturb(null);
        goOn.Set();
        while (catalog.LoadFile(TestPluginFiles.PathOf("Disturbed")).State != PluginState.Loaded)
        {
            await Task.Yield();
        }

        Assert.Equal(["good", "disturbed"], catalog.Backends.Select(backend => backend.Info.Id));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Probe_ThatNeverReturns_IsPassedOver_AndNotAskedAgainBeforeItDoes(bool synchronous)
    {
        using var goOn = new ManualResetEventSlim();
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int asked = 0;
        var catalog = new BackendCatalog(new BackendCatalogOptions { Time = _time });
        catalog.Add(new FakeBackend("first"));
        catalog.LoadFile(TestPluginFiles.PathOf("Disturbed"));
        catalog.Add(new FakeBackend("last") { OnProbe = () => new ProbeResult(ProbeConfidence.Certain, "mine") });
        var prober = new Prober(catalog);
        var file = new SimulatedFile("disk.img");
        new SimulatedStorage(file).Write(0, new byte[4096]);
        Disturb(member =>
        {
            Interlocked.Increment(ref asked);
            return member == "probe" ? Hang(reached, goOn) : null;
        });

        Task<ProbeReport> probing = Task.Run(() => synchronous ? prober.Probe(new SimulatedStorage(file)) : prober.ProbeAsync(new SimulatedStorage(file)).AsTask().GetAwaiter().GetResult());
        await reached.Task;
        ProbeReport report = await AdvanceUntilAsync(probing);
        ProbeReport again = prober.Probe(new SimulatedStorage(file));

        Assert.Equal("last", report.Best?.FormatId);
        Assert.Equal(["last", "first", "disturbed"], report.Candidates.Select(candidate => candidate.FormatId));
        Assert.Equal(new ProbeCandidate("disturbed", ProbeConfidence.No, "has not answered for 10 s, and is not waited for any longer; report this to its author", IsFault: true), report.Candidates[^1]);
        Assert.Equal($"The {Title} has still not answered an earlier probe. This is a mistake in the backend; report it to its author.", again.Candidates[^1].Reason);
        Assert.Equal(1, asked);

        Disturb(null);
        goOn.Set();
        while (prober.Probe(new SimulatedStorage(file)).Candidates[^1].IsFault)
        {
            await Task.Yield();
        }
    }

    [Fact]
    public async Task Probe_ThatIsCancelledWhileAPluginHangs_ReturnsAtOnce()
    {
        using var goOn = new ManualResetEventSlim();
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var catalog = new BackendCatalog(new BackendCatalogOptions { Time = _time });
        catalog.LoadFile(TestPluginFiles.PathOf("Disturbed"));
        Disturb(member => member == "probe" ? Hang(reached, goOn) : null);
        using var cancellation = new CancellationTokenSource();

        Task probing = new Prober(catalog).ProbeAsync(new SimulatedStorage(), cancellationToken: cancellation.Token).AsTask();
        await reached.Task;
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probing);
        goOn.Set();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Image_ThatIsRefused_AndThrowsWhenItIsClosed_IsRefusedForWhatWasWrong(bool synchronous)
    {
        using DiskHost host = CreateHost();
        Disturb(asked => asked switch
        {
            "size" => -512L,
            "close" => throw new InvalidOperationException("and now this"),
            _ => null,
        });

        ImageException exception = await Assert.ThrowsAsync<ImageException>(() => UseAsync(host, synchronous));

        Assert.Contains("says that the disk has -512 bytes", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Plugin_ThatLiesAboutItsContract_FailsInTheMemberThatIsMissing_AndIsNamed()
    {
        // Compiled against another contract than its attribute says: a method that it calls is not there.
        byte[] bytes = TestPluginFiles.ReadAllBytes("Good");
        int name = bytes.AsSpan().IndexOf("\0GetLength\0"u8);
        Assert.True(name > 0);
        bytes[name + 1] = (byte)'B';
        var catalog = new BackendCatalog();
        Assert.Null(catalog.LoadFile(_folder.Add("Good", bytes)).Reason);

        ImageException exception = Assert.Throws<ImageException>(() => catalog.Get("good").Open(new SimulatedStorage(new SimulatedFile("x.img")), new ImageOpenOptions()));

        Assert.StartsWith("x.img: the backend 'good' of plugin 'Good' failed while opening it (MissingMethodException: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PluginFile_ReplacedWhileItIsLoaded_ChangesNothing_AndTheNewOneIsLoadedWhenTheOldOneIsGone()
    {
        string path = _folder.Add("Good");
        var catalog = new BackendCatalog(new BackendCatalogOptions { AreUnloadable = true });
        IDiskImage?[] kept = LoadAndOpen(catalog, path);

        // As a package manager does it: another file under the same name.
        File.Copy(TestPluginFiles.PathOf("Disturbed"), path + ".new");
        File.Move(path + ".new", path, overwrite: true);

        Assert.Equal("good", Assert.Single(catalog.LoadFile(path).Backends).Id);
        PluginUnload unload = catalog.Unload("Good");
        Assert.Equal("the runtime still holds another file that was loaded from this path before. Wait until that is unloaded, or restart the program.", catalog.LoadFile(path).Reason);
        LetGo(kept);
        Assert.True(await unload.WaitAsync(TimeSpan.FromSeconds(60)));
        PluginReport report = catalog.LoadFile(path);
        Assert.True(report.State == PluginState.Loaded && report.Backends[0].Id == "disturbed", report.ToString());
    }

    [Fact]
    public void PluginFile_Removed_WhileItIsLoaded_ChangesNothing()
    {
        string path = _folder.Add("Good");
        var catalog = new BackendCatalog();
        catalog.LoadFile(path);
        File.Delete(path);

        using IDiskImage image = catalog.Get("good").Open(new SimulatedStorage(), new ImageOpenOptions());

        Assert.Equal("good", image.Backend.Id);
    }

    [Fact]
    public void LoadFolder_WithLinksAndWhatCannotBeRead_LoadsWhatCanBe_AndGivesAReasonForTheRest()
    {
        string linked = _folder.Add("Good");
        string plugins = Directory.CreateDirectory(Path.Combine(_folder.Root, "plugins")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(plugins, "Good"), Path.GetDirectoryName(linked)!);
        Directory.CreateSymbolicLink(Path.Combine(plugins, "Gone"), Path.Combine(_folder.Root, "nowhere"));
        Directory.CreateDirectory(Path.Combine(plugins, "Folder", "Folder.dll"));
        File.CreateSymbolicLink(Path.Combine(Directory.CreateDirectory(Path.Combine(plugins, "Loop")).FullName, "Loop.dll"), "Loop.dll");
        File.CreateSymbolicLink(Path.Combine(Directory.CreateDirectory(Path.Combine(plugins, "Dangling")).FullName, "Dangling.dll"), "nothing");
        var catalog = new BackendCatalog();

        Dictionary<string, PluginReport> reports = catalog.LoadFolder(plugins).ToDictionary(report => report.Name);

        Assert.Equal("good", Assert.Single(catalog.Backends).Info.Id);
        Assert.Equal(PluginState.Loaded, reports["Good"].State);
        Assert.All(reports.Values.Where(report => report.Name != "Good"), report => Assert.True(report.State == PluginState.Refused && report.Reason is { Length: > 10 }, report.ToString()));
        Assert.Superset(new HashSet<string> { "Good", "Folder", "Loop", "Dangling" }, reports.Keys.ToHashSet());
    }

    // What a plugin made must not linger on the stack of the test.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IDiskImage?[] LoadAndOpen(BackendCatalog catalog, string path)
    {
        catalog.LoadFile(path);
        return [catalog.Get("good").Open(new SimulatedStorage(), new ImageOpenOptions())];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LetGo(IDiskImage?[] kept)
    {
        kept[0]!.Dispose();
        kept[0] = null;
    }

    private static void Disturb(Func<string, object?>? how) => AppContext.SetData("disturb Disturbed", how);

    private static object? Hang(TaskCompletionSource reached, ManualResetEventSlim goOn)
    {
        reached.SetResult();
        goOn.Wait();
        return null;
    }

    // Time goes on until the waiting one has noticed; each step is longer than what it waits for.
    private async Task<T> AdvanceUntilAsync<T>(Task<T> task)
    {
        while (!task.IsCompleted)
        {
            _time.Advance(s_limit);
            await Task.WhenAny(task, Task.Delay(5));
        }

        return await task;
    }

    private static DiskHost CreateHost()
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        var host = new DiskHost(options);
        Assert.Null(host.Backends.LoadFile(TestPluginFiles.PathOf("Disturbed")).Reason);
        return host;
    }

    private VirtualDisk Open(DiskHost host) => host.OpenDisk(_image, new DiskOpenOptions { Format = "disturbed" });

    /// <summary>Everything that a user of a disk does.</summary>
    private async Task UseAsync(DiskHost host, bool synchronous)
    {
        var options = new DiskOpenOptions { Format = "disturbed" };
        VirtualDisk disk = synchronous ? host.OpenDisk(_image, options) : await host.OpenDiskAsync(_image, options);
        try
        {
            Assert.Single(disk.Levels);
            if (synchronous)
            {
                disk.TryMap(0, 512, out _);
                disk.Map(0, 512);
                disk.Read(0, new byte[512]);
                disk.Write(0, new byte[512]);
                disk.WriteZeroes(512, 512);
                disk.Discard(1024, 512);
                disk.Flush();
                disk.Close();
            }
            else
            {
                disk.TryMap(0, 512, out _);
                await disk.MapAsync(0, 512);
                await disk.ReadAsync(0, new byte[512]);
                await disk.WriteAsync(0, new byte[512]);
                await disk.WriteZeroesAsync(512, 512);
                await disk.DiscardAsync(1024, 512);
                await disk.FlushAsync();
                await disk.CloseAsync();
            }
        }
        finally
        {
            await disk.DisposeAsync();
        }
    }
}
