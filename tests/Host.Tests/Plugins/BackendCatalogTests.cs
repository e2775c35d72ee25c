using QedVd.TestKit;

namespace QedVd.Host.Tests;

public sealed class BackendCatalogTests
{
    [Fact]
    public void AddBackend_OfTheProgram_IsFoundByItsId_WithoutAnyPlugin()
    {
        var catalog = new BackendCatalog();

        catalog.AddBackend<FakeBackend>();

        Assert.Equal("fake", catalog.Get("fake").Info.Id);
        Assert.Same(catalog.Get("fake"), Assert.Single(catalog.Backends));
        Assert.Null(catalog.Find("Fake"));
        Assert.Empty(catalog.Plugins);
    }

    [Fact]
    public void Add_SecondBackendWithTheSameId_IsRefused()
    {
        var catalog = new BackendCatalog();
        catalog.AddBackend<FakeBackend>();

        ArgumentException exception = Assert.Throws<ArgumentException>(catalog.AddBackend<FakeBackend>);

        Assert.StartsWith("the backend id 'fake' is taken by a backend that the program registered.", exception.Message, StringComparison.Ordinal);
        Assert.Single(catalog.Backends);
    }

    [Fact]
    public void LoadFile_PluginWithTheIdOfARegisteredBackend_IsRefused()
    {
        var catalog = new BackendCatalog();
        catalog.Add(new FakeBackend("good"));

        Assert.Equal("the backend id 'good' is taken by a backend that the program registered.", catalog.LoadFile(TestPluginFiles.PathOf("Good")).Reason);
        Assert.Equal("Fake", catalog.Get("good").Info.DisplayName);
    }

    [Fact]
    public void Get_UnknownId_NamesWhatIsRegistered_AndWhatWasRefused()
    {
        var catalog = new BackendCatalog();
        catalog.Add(new FakeBackend("one"));
        catalog.Add(new FakeBackend("two"));
        catalog.LoadFile(TestPluginFiles.PathOf("NullInfo"));

        ImageException exception = Assert.Throws<ImageException>(() => catalog.Get("thr\u001bee"));

        Assert.Equal(ImageErrorKind.NotSupported, exception.Kind);
        Assert.Equal("No backend 'thr ee' is registered. Registered: one, two. Plugin 'NullInfo' is not loaded: the backend 'QedVd.TestPlugins.NullInfoBackend' gives no description (Info is null).", exception.Message);
    }

    [Fact]
    public void Get_InAnEmptyCatalogue_SaysSo() =>
        Assert.Equal("No backend 'qed' is registered. Registered: none.", Assert.Throws<ImageException>(() => new BackendCatalog().Get("qed")).Message);

    [Fact]
    public void LoadFolder_MixtureOfPlugins_LoadsTheGoodOnes_InOrderOfTheirNames()
    {
        using var folder = new PluginFolder();
        folder.Add("TwoBackends");
        folder.Add("ThrowingConstructor");
        folder.Add("Good");
        folder.Add("Good", asName: "Copied"); // an assembly named unlike itself still has its class; its id is what collides
        folder.Add("Text", "no assembly"u8);
        File.WriteAllText(Path.Combine(folder.Root, "readme.txt"), "not a folder");
        var catalog = new BackendCatalog();

        IReadOnlyList<PluginReport> reports = catalog.LoadFolder(folder.Root);

        Assert.Equal(
            [("Copied", PluginState.Loaded), ("Good", PluginState.Refused), ("Text", PluginState.Refused), ("ThrowingConstructor", PluginState.Refused), ("TwoBackends", PluginState.Loaded)],
            reports.Select(report => (report.Name, report.State)));
        Assert.Equal("the backend id 'good' is taken by the plugin 'Copied'.", reports[1].Reason);
        Assert.Equal(reports, catalog.Plugins);
        Assert.Equal(["good", "two-one", "two-two"], catalog.Backends.Select(backend => backend.Info.Id));
    }

    [Fact]
    public void LoadFolder_Twice_ChangesNothing()
    {
        using var folder = new PluginFolder();
        folder.Add("Good");
        folder.Add("NullInfo");
        var catalog = new BackendCatalog();

        string[] first = [.. catalog.LoadFolder(folder.Root).Select(report => report.ToString())];
        IImageBackend backend = catalog.Get("good");
        string[] second = [.. catalog.LoadFolder(folder.Root).Select(report => report.ToString())];

        Assert.Equal(first, second);
        Assert.Equal(2, catalog.Plugins.Count);
        Assert.Same(backend, catalog.Get("good"));
    }

    [Fact]
    public void LoadFolder_RelativeFolder_IsMeantBesideTheProgram()
    {
        ImageException exception = Assert.Throws<ImageException>(() => new BackendCatalog().LoadFolder("no-such-plugins"));

        Assert.Equal(Path.Combine(AppContext.BaseDirectory, "no-such-plugins"), exception.Path);
    }

    [Fact]
    public void LoadFile_PluginOfANameThatIsLoaded_FromAnotherFolder_IsRefused_WithoutRunning()
    {
        using var folder = new PluginFolder();
        string other = folder.Add("NullInfo", asName: "Good");
        var catalog = new BackendCatalog();
        catalog.LoadFile(TestPluginFiles.PathOf("Good"));

        Assert.Equal($"a plugin of this name is loaded already, from '{TestPluginFiles.PathOf("Good")}'.", catalog.LoadFile(other).Reason);
    }

    [Fact]
    public void LoadFile_RefusedPluginThatWasMended_IsLoaded()
    {
        using var folder = new PluginFolder();
        string path = folder.Add("Mended", "not yet"u8);
        var catalog = new BackendCatalog();
        Assert.Equal(PluginState.Refused, catalog.LoadFile(path).State);

        File.Copy(TestPluginFiles.PathOf("Good"), path, overwrite: true);

        Assert.Equal(PluginState.Loaded, catalog.LoadFile(path).State);
        Assert.Equal(PluginState.Loaded, Assert.Single(catalog.Plugins).State);
    }

    [Fact]
    public async Task LoadFile_FromManyThreadsAtOnce_RegistersOnce()
    {
        var catalog = new BackendCatalog();
        using var together = new Barrier(8);

        PluginReport[] reports = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(
            () =>
            {
                together.SignalAndWait();
                return catalog.LoadFile(TestPluginFiles.PathOf("Good"));
            },
            TaskCreationOptions.LongRunning)));

        Assert.All(reports, report => Assert.Equal(PluginState.Loaded, report.State));
        Assert.Single(catalog.Backends);
        Assert.Single(catalog.Plugins);
    }

    [Fact]
    public void LoadFile_PluginThatCallsBackIntoTheCatalogue_DoesNotHang()
    {
        // The loader stands for any code that runs while a plugin is loaded: the catalogue must not hold its lock then.
        BackendCatalog? catalog = null;
        catalog = new BackendCatalog(new BackendCatalogOptions
        {
            Loader = new CallingLoader(() =>
            {
                var other = new Thread(() => _ = catalog!.Plugins.Count) { IsBackground = true };
                other.Start();
                Assert.True(other.Join(TimeSpan.FromSeconds(60)), "Another thread waits for the catalogue while a plugin is loaded.");
            }),
        });

        Assert.Equal(PluginState.Loaded, catalog.LoadFile(TestPluginFiles.PathOf("Good")).State);
    }

    [Fact]
    public void Lease_BackendThatIsNotOfTheCatalogue_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new BackendCatalog().Lease(new FakeBackend()));

    [Fact]
    public void Lease_BackendOfTheProgram_Works()
    {
        var catalog = new BackendCatalog();
        catalog.AddBackend<FakeBackend>();

        using BackendLease lease = catalog.Lease(catalog.Get("fake"));

        Assert.Same(catalog.Get("fake"), lease.Backend);
    }

    [Fact]
    public void Unload_UnknownPlugin_IsAnError() =>
        Assert.Equal("No plugin 'Good' is loaded.", Assert.Throws<ImageException>(() => new BackendCatalog().Unload("Good")).Message);

    private sealed class CallingLoader(Action action) : IPluginLoader
    {
        public IPluginContext Load(PluginLoadRequest request)
        {
            action();
            return new PluginLoader().Load(request);
        }
    }
}
