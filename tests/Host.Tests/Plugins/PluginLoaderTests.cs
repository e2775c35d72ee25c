using System.Buffers.Binary;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Runtime.CompilerServices;
using QedVd.TestKit;

namespace QedVd.Host.Tests;

/// <summary>What every loader must do; run once for each.</summary>
public abstract class PluginLoaderTests
{
    private const int Cycles = 200;

    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(300);

    protected abstract IPluginLoader CreateLoader();

    [Fact]
    public void LoadFile_GoodPlugin_RegistersItsBackend_AndReportsWhatItIs()
    {
        BackendCatalog catalog = CreateCatalog();

        PluginReport report = catalog.LoadFile(TestPluginFiles.PathOf("Good"));

        Assert.Null(report.Reason);
        Assert.Equal((PluginState.Loaded, "Good", TestPluginFiles.PathOf("Good")), (report.State, report.Name, report.Path));
        Assert.Equal(new Version(ContractVersion.Major, ContractVersion.Minor), report.ContractVersion);
        Assert.Equal(new Version(1, 2, 3, 0), report.AssemblyVersion);
        Assert.Equal(".NETCoreApp,Version=v10.0", report.TargetFramework);
        Assert.Equal("good", Assert.Single(report.Backends).Id);
        Assert.Equal("Test backend good", catalog.Get("good").Info.DisplayName);
        Assert.True(TestPluginFiles.HasRun("Good"));
        Assert.DoesNotContain(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.GetName().Name == "Good" && assembly.Location.StartsWith(AppContext.BaseDirectory, StringComparison.Ordinal));
    }

    [Fact]
    public void LoadedBackend_OpensAndReadsAnImage()
    {
        BackendCatalog catalog = CreateCatalog();
        catalog.LoadFile(TestPluginFiles.PathOf("Good"));
        var storage = new SimulatedStorage();
        storage.Write(0, "guest bytes"u8);

        using IDiskImage image = catalog.Get("good").Open(storage, new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly });
        byte[] buffer = new byte[11];
        ReadResult result = image.Read(0, buffer);

        Assert.Equal(new ReadResult(ExtentKind.Data, 11), result);
        Assert.Equal("guest bytes"u8, buffer);
    }

    [Fact]
    public void LoadFile_PluginThatShipsTheContract_GetsTheHostsCopy()
    {
        Assert.True(File.Exists(Path.Combine(TestPluginFiles.Folder, "OwnContract", "QedVd.Abstractions.dll")));
        BackendCatalog catalog = CreateCatalog();

        PluginReport report = catalog.LoadFile(TestPluginFiles.PathOf("OwnContract"));

        Assert.Null(report.Reason);
        Assert.Single(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.GetName().Name == "QedVd.Abstractions");
    }

    [Fact]
    public void LoadFile_PluginCompiledAgainstALaterBuildOfTheContract_GetsTheHostsCopy()
    {
        // The same contract in a later package: only the version of the reference differs.
        byte[] bytes = TestPluginFiles.ReadAllBytes("OwnContract");
        int row;
        using (var image = new PEReader([.. bytes]))
        {
            MetadataReader reader = image.GetMetadataReader();
            AssemblyReferenceHandle contract = reader.AssemblyReferences.Single(handle => reader.GetString(reader.GetAssemblyReference(handle).Name) == "QedVd.Abstractions");
            row = image.PEHeaders.MetadataStartOffset + reader.GetTableMetadataOffset(TableIndex.AssemblyRef)
                + ((MetadataTokens.GetRowNumber(contract) - 1) * reader.GetTableRowSize(TableIndex.AssemblyRef));
        }

        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(row), 99);
        using var folder = new PluginFolder();
        string plugin = folder.Add("OwnContract");
        File.WriteAllBytes(plugin, bytes);

        PluginReport report = CreateCatalog().LoadFile(plugin);

        Assert.Null(report.Reason);
        Assert.Single(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.GetName().Name == "QedVd.Abstractions");
    }

    [Fact]
    public void LoadFile_TwoPluginsWithConflictingVersionsOfALibrary_EachHasItsOwn()
    {
        BackendCatalog catalog = CreateCatalog();

        catalog.LoadFile(TestPluginFiles.PathOf("DependencyOne"));
        catalog.LoadFile(TestPluginFiles.PathOf("DependencyTwo"));

        Assert.Equal("dependency one", catalog.Get("dependency-one").Info.DisplayName);
        Assert.Equal("dependency two", catalog.Get("dependency-two").Info.DisplayName);
    }

    [Fact]
    public void LoadFile_PluginThatCallsANativeLibraryInItsFolder_FindsIt()
    {
        string native = Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "libSystem.Native.so");
        Assert.SkipUnless(File.Exists(native), "There is no native Linux library at hand to put into the plugin's folder.");
        using var folder = new PluginFolder();
        string plugin = folder.Add("NativeUser");
        File.Copy(native, Path.Combine(Path.GetDirectoryName(plugin)!, "libqedvdtestnative.so"));

        BackendCatalog catalog = CreateCatalog();
        PluginReport report = catalog.LoadFile(plugin);

        Assert.Null(report.Reason);
        Assert.Equal($"process {Environment.ProcessId}", catalog.Get("native-user").Info.DisplayName);
    }

    [Fact]
    public void LoadFile_PluginWhoseNativeLibraryIsMissing_IsRefused()
    {
        PluginReport report = CreateCatalog().LoadFile(TestPluginFiles.PathOf("NativeUser"));

        Assert.StartsWith("it failed in the Info of 'QedVd.TestPlugins.NativeUserBackend': a native library is missing (Unable to load shared library 'qedvdtestnative'", report.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void LoadFile_PluginWithTwoBackends_RegistersBoth()
    {
        BackendCatalog catalog = CreateCatalog();

        PluginReport report = catalog.LoadFile(TestPluginFiles.PathOf("TwoBackends"));

        Assert.Equal(["two-one", "two-two"], report.Backends.Select(backend => backend.Id));
        Assert.Equal(["two-one", "two-two"], catalog.Backends.Select(backend => backend.Info.Id));
    }

    [Theory]
    [InlineData("MissingDependency", "it needs the assembly 'QedVd.TestDependency, Version=1.0.0.0, Culture=neutral, PublicKeyToken=null', which is neither in its folder nor part of the program.")]
    [InlineData("NotABackend", "the class 'QedVd.TestPlugins.NotABackendBackend' does not implement IImageBackend.")]
    [InlineData("ThrowingConstructor", "it failed in the constructor of 'QedVd.TestPlugins.ThrowingConstructorBackend' (InvalidOperationException: the constructor does not want to).")]
    [InlineData("ThrowingInitializer", "it failed in the static initialisation of 'QedVd.TestPlugins.ThrowingInitializerBackend' (FormatException: bad constant).")]
    [InlineData("ThrowingModule", "it failed in the static initialisation of '<Module>' (NotSupportedException: not on a Sunday).")]
    [InlineData("ThrowingInfo", "it failed in the Info of 'QedVd.TestPlugins.ThrowingInfoBackend' (InvalidOperationException: who knows).")]
    [InlineData("NullInfo", "the backend 'QedVd.TestPlugins.NullInfoBackend' gives no description (Info is null).")]
    [InlineData("LyingInfo", "the backend 'QedVd.TestPlugins.LyingInfoBackend' describes itself wrongly: Info.Id is '../QED [31m'; allowed: 1 to 32 of a-z, 0-9, '.', '_' and '-', a letter first.")]
    public void LoadFile_PluginThatFails_IsRefusedWithItsReason_AndTheNextOneLoads(string plugin, string reason)
    {
        BackendCatalog catalog = CreateCatalog();

        PluginReport report = catalog.LoadFile(TestPluginFiles.PathOf(plugin));

        Assert.Equal(reason, report.Reason);
        Assert.Equal(PluginState.Refused, report.State);
        Assert.Equal(PluginState.Loaded, catalog.LoadFile(TestPluginFiles.PathOf("Good")).State);
        Assert.Equal("good", Assert.Single(catalog.Backends).Info.Id);
    }

    [Fact]
    public void LoadFile_SecondPluginWithTheSameId_IsRefused_AndTheFirstStays()
    {
        BackendCatalog catalog = CreateCatalog();
        catalog.LoadFile(TestPluginFiles.PathOf("Good"));
        IImageBackend first = catalog.Get("good");

        PluginReport report = catalog.LoadFile(TestPluginFiles.PathOf("SecondGood"));

        Assert.Equal("the backend id 'good' is taken by the plugin 'Good'.", report.Reason);
        Assert.Same(first, catalog.Get("good"));
    }

    [Fact]
    public void LoadFile_PluginThatChangesItsDescription_IsHeldToTheFirst()
    {
        BackendCatalog catalog = CreateCatalog();
        catalog.LoadFile(TestPluginFiles.PathOf("ShiftyInfo"));

        IImageBackend backend = Assert.Single(catalog.Backends);

        Assert.Equal(backend.Info.Id, backend.Info.Id);
        Assert.Same(backend, catalog.Get(backend.Info.Id));
    }

    [Fact]
    public async Task Unload_Plugin_TakesItsBackendsAway_AndTheRuntimeLetsGo()
    {
        BackendCatalog catalog = CreateCatalog(unloadable: true);
        Load(catalog, TestPluginFiles.PathOf("Good"));

        PluginUnload unload = catalog.Unload("Good");

        Assert.Null(catalog.Find("good"));
        Assert.True(await unload.WaitAsync(s_long));
        Assert.Equal(PluginState.Unloaded, Assert.Single(catalog.Plugins).State);
    }

    [Fact]
    public async Task Unload_WhileAReferenceToTheBackendIsKept_LetsGoAllTheSame_AndTheReferenceSaysSo()
    {
        BackendCatalog catalog = CreateCatalog(unloadable: true);
        Load(catalog, TestPluginFiles.PathOf("Good"));
        IImageBackend kept = catalog.Get("good");

        Assert.True(await catalog.Unload("Good").WaitAsync(s_long));

        ImageException exception = Assert.Throws<ImageException>(() => kept.Probe(new ProbeInput([], 0)));
        Assert.Equal("The backend 'good' of plugin 'Good' was unloaded. Load the plugin again, and ask the catalogue for the backend anew.", exception.Message);
        Assert.Equal(exception.Message, Assert.Throws<ImageException>(() => catalog.Lease(kept)).Message);
    }

    [Fact]
    public async Task Unload_WhileALeaseIsHeld_IsRefused()
    {
        BackendCatalog catalog = CreateCatalog(unloadable: true);
        Load(catalog, TestPluginFiles.PathOf("Good"));
        BackendLease first = catalog.Lease(catalog.Get("good"));
        BackendLease second = catalog.Lease(catalog.Get("good"));

        ImageException exception = Assert.Throws<ImageException>(() => catalog.Unload("Good"));
        Assert.Equal((ImageErrorKind.InUse, "Plugin 'Good' is in use by 2 open image(s). Close them first."), (exception.Kind, exception.Message));
        first.Dispose();
        first.Dispose();
        Assert.Throws<ImageException>(() => catalog.Unload("Good"));
        second.Dispose();

        Assert.True(await catalog.Unload("Good").WaitAsync(s_long));
    }

    [Fact]
    public void Unload_PluginThatWasRefused_LeavesNothingOfItBehind()
    {
        BackendCatalog catalog = CreateCatalog(unloadable: true);
        Load(catalog, TestPluginFiles.PathOf("ThrowingInfo"));

        for (int i = 0; i < 50 && IsLoaded("ThrowingInfo"); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(IsLoaded("ThrowingInfo"));
    }

    [Fact]
    public async Task Unload_PluginWithARunningTimer_DoesNotComplete_AndIsReported_UntilTheTimerStops()
    {
        AppContext.SetData("stop RunningTimer", null);
        BackendCatalog catalog = CreateCatalog(unloadable: true);
        Load(catalog, TestPluginFiles.PathOf("RunningTimer"));

        PluginUnload unload = catalog.Unload("RunningTimer");
        bool gone = await unload.WaitAsync(s_short);

        Assert.False(gone);
        Assert.False(unload.IsCompleted);
        PluginReport report = Assert.Single(catalog.Plugins);
        Assert.Equal((PluginState.Unloading, "it was asked to unload, and something still refers to it: an object, a timer, a thread or an event handler."), (report.State, report.Reason));

        AppContext.SetData("stop RunningTimer", "yes");
        Assert.True(await unload.WaitAsync(s_long));
        Assert.Equal(PluginState.Unloaded, Assert.Single(catalog.Plugins).State);
    }

    [Fact]
    public async Task Unload_PluginWithASleepingThread_DoesNotComplete_UntilTheThreadLeaves()
    {
        using var wake = new ManualResetEventSlim();
        AppContext.SetData("wake SleepingThread", wake);
        BackendCatalog catalog = CreateCatalog(unloadable: true);
        Load(catalog, TestPluginFiles.PathOf("SleepingThread"));

        PluginUnload unload = catalog.Unload("SleepingThread");
        bool gone = await unload.WaitAsync(s_short);
        wake.Set();

        Assert.False(gone);
        Assert.True(await unload.WaitAsync(s_long));
    }

    [Fact]
    public async Task Unload_PluginWhoseHandlerThrows_Survives()
    {
        BackendCatalog catalog = CreateCatalog(unloadable: true);
        Load(catalog, TestPluginFiles.PathOf("UnloadingHandler"));

        Assert.True(await catalog.Unload("UnloadingHandler").WaitAsync(s_long));
    }

    [Fact]
    public async Task LoadAndUnload_ManyTimes_LeavesNothingBehind()
    {
        BackendCatalog catalog = CreateCatalog(unloadable: true);
        List<PluginUnload> unloads = [];
        for (int i = 0; i < Cycles; i++)
        {
            unloads.Add(Cycle(catalog));
        }

        foreach (PluginUnload unload in unloads)
        {
            Assert.True(await unload.WaitAsync(s_long));
        }

        Assert.Equal(Cycles, unloads.Count);
        Assert.Single(catalog.Plugins);
    }

    [Fact]
    public void Unload_PluginLoadedToStay_IsRefused()
    {
        BackendCatalog catalog = CreateCatalog();
        catalog.LoadFile(TestPluginFiles.PathOf("Good"));

        ImageException exception = Assert.Throws<ImageException>(() => catalog.Unload("Good"));

        Assert.Equal((ImageErrorKind.NotSupported, "Plugin 'Good' was loaded to stay. Set BackendCatalogOptions.AreUnloadable before loading."), (exception.Kind, exception.Message));
        Assert.NotNull(catalog.Find("good"));
    }

    private BackendCatalog CreateCatalog(bool unloadable = false) => new(new BackendCatalogOptions { Loader = CreateLoader(), AreUnloadable = unloadable });

    // What a plugin made must not linger on the stack of the test.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Load(BackendCatalog catalog, string path) => catalog.LoadFile(path);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsLoaded(string assembly) => AppDomain.CurrentDomain.GetAssemblies().Any(loaded => loaded.GetName().Name == assembly && loaded.IsCollectible);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PluginUnload Cycle(BackendCatalog catalog)
    {
        PluginReport report = catalog.LoadFile(TestPluginFiles.PathOf("Good"));
        Assert.Null(report.Reason);
        var storage = new SimulatedStorage();
        storage.Write(0, new byte[512]);
        using (catalog.Lease(catalog.Get("good")))
        using (IDiskImage image = catalog.Get("good").Open(storage, new ImageOpenOptions()))
        {
            Assert.Equal(WriteResult.Done(3), image.Write(0, "abc"u8));
        }

        return catalog.Unload("Good");
    }
}
