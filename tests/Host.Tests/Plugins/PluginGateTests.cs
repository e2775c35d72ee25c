using System.Reflection.PortableExecutable;

namespace QedVd.Host.Tests;

/// <summary>What is refused before any code of the plugin runs, and what a person reads then.</summary>
public sealed class PluginGateTests
{
    public static TheoryData<string, string> Refusals => new()
    {
        { "NewerMajor", "it was compiled against contract 2.0, and this host has 1.0: update the program, or take an older version of the plugin." },
        { "NewerMinor", "it was compiled against contract 1.1, and this host has 1.0: update the program, or take an older version of the plugin." },
        { "OlderMajor", "it was compiled against contract 0.9, and this host has 1.0: take a newer version of the plugin." },
        { "NewerFramework", $"it was compiled for .NETCoreApp 99.0, and this program runs on .NET {Environment.Version.Major}.{Environment.Version.Minor}." },
        { "OldFramework", $"it was compiled for .NETFramework 4.8, and this program runs on .NET {Environment.Version.Major}.{Environment.Version.Minor}." },
        { "NoAttribute", "it declares no backend: an attribute [assembly: ImageBackend(typeof(...), ContractVersion.Major, ContractVersion.Minor)] is missing." },
        { "AbstractType", "the class 'QedVd.TestPlugins.AbstractTypeBackend' is abstract; name one that can be created." },
        { "InternalType", "the class 'QedVd.TestPlugins.InternalTypeBackend' is not public; make it (and what it is nested in) public." },
        { "HiddenNest", "the class 'QedVd.TestPlugins.Outer+Inner' is not public; make it (and what it is nested in) public." },
        { "GenericType", "the class 'QedVd.TestPlugins.GenericTypeBackend`1' is generic; name one without type parameters." },
        { "ArrayType", "its ImageBackend attribute names 'QedVd.TestPlugins.ArrayTypeBackend[]', which is not the name of a class." },
        { "StructType", "'QedVd.TestPlugins.StructTypeBackend' is not a class." },
        { "NoDefaultConstructor", "the class 'QedVd.TestPlugins.NoDefaultConstructorBackend' has no public constructor without parameters." },
        { "ForeignType", "its ImageBackend attribute names 'QedVd.ImageBackendBase' of another assembly (QedVd.Abstractions); it must be a class of the plugin itself." },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void LoadFile_PluginThatDoesNotFit_IsRefusedWithItsReason_BeforeItsCodeRuns(string plugin, string reason)
    {
        var catalog = new BackendCatalog();

        PluginReport report = catalog.LoadFile(TestPluginFiles.PathOf(plugin));

        Assert.Equal(reason, report.Reason);
        Assert.Equal(PluginState.Refused, report.State);
        Assert.Empty(catalog.Backends);
        Assert.False(TestPluginFiles.HasRun(plugin));
    }

    [Fact]
    public void LoadFile_AttributeThatNamesNoClassOfTheAssembly_IsRefused()
    {
        // No compiler writes this: the name is changed in the built attribute.
        byte[] bytes = TestPluginFiles.ReadAllBytes("Good");
        int name = bytes.AsSpan().IndexOf("QedVd.TestPlugins.GoodBackend"u8);
        Assert.True(name > 0);
        "Gone"u8.CopyTo(bytes.AsSpan(name + "QedVd.TestPlugins.".Length));

        Assert.Equal("its ImageBackend attribute names the class 'QedVd.TestPlugins.GoneBackend', which is not in the assembly.", ReasonFor("MissingType", bytes));
    }

    [Fact]
    public void LoadFile_LibraryThatIsNoPlugin_IsRefused()
    {
        PluginReport report = new BackendCatalog().LoadFile(TestPluginFiles.Library);

        Assert.Equal("it does not refer to QedVd.Abstractions, so it is not a plugin.", report.Reason);
        Assert.Equal(new Version(1, 0, 0, 0), report.AssemblyVersion);
        Assert.Null(report.ContractVersion);
    }

    [Fact]
    public void LoadFile_TextFileNamedLikeAnAssembly_IsRefused() =>
        Assert.Equal("it is not a .NET assembly: the file does not begin with MZ.", ReasonFor("Text", "Hello, I am a plugin.\n"u8));

    [Fact]
    public void LoadFile_EmptyFile_IsRefused() => Assert.Equal("the file is empty.", ReasonFor("Empty", []));

    [Fact]
    public void LoadFile_NativeLinuxLibrary_IsRefused() =>
        Assert.Equal("it is a native Linux library (ELF); a plugin is a .NET assembly.", ReasonFor("Elf", [0x7F, .. "ELF"u8, 2, 1, 1, 0]));

    [Theory]
    [InlineData(0xCF, 0xFA, 0xED, 0xFE)]
    [InlineData(0xCA, 0xFE, 0xBA, 0xBE)]
    public void LoadFile_NativeMacLibrary_IsRefused(byte a, byte b, byte c, byte d) =>
        Assert.Equal("it is a native macOS library (Mach-O); a plugin is a .NET assembly.", ReasonFor("MachO", [a, b, c, d, 0, 0, 0, 0]));

    [Fact]
    public void LoadFile_NativeWindowsLibrary_IsRefused()
    {
        // A managed assembly without its CLI header is a native one.
        byte[] bytes = TestPluginFiles.ReadAllBytes("Good");
        int directory;
        using (var image = new PEReader([.. bytes]))
        {
            int optionalHeader = image.PEHeaders.PEHeaderStartOffset;
            directory = optionalHeader + (image.PEHeaders.PEHeader!.Magic == PEMagic.PE32Plus ? 112 : 96) + (14 * 8);
        }

        bytes.AsSpan(directory, 8).Clear();

        Assert.Equal("it is a native Windows library; a plugin is a .NET assembly.", ReasonFor("Native", bytes));
    }

    [Theory]
    [InlineData(64)]
    [InlineData(600)]
    [InlineData(2000)]
    public void LoadFile_AssemblyCutShort_IsRefusedAsDamaged(int lengthBytes) =>
        Assert.StartsWith("it is not a .NET assembly, or it is damaged (", ReasonFor("Cut", TestPluginFiles.ReadAllBytes("Good").AsSpan(0, lengthBytes)), StringComparison.Ordinal);

    [Fact]
    public void LoadFile_AssemblyWithRandomBytesInIt_IsLoadedOrRefused_AndNeverThrows()
    {
        int seed = Random.Shared.Next();
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        var random = new Random(seed);
        byte[] good = TestPluginFiles.ReadAllBytes("NewerMajor"); // refused where it is not damaged, so none of the damaged code runs
        using var folder = new PluginFolder();
        for (int i = 0; i < 300; i++)
        {
            byte[] bytes = [.. good];
            for (int changes = random.Next(1, 20); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            string path = folder.Add("Damaged", bytes);
            PluginReport report = new BackendCatalog(new BackendCatalogOptions { Loader = new NoLoader() }).LoadFile(path);

            Assert.True(report.State == PluginState.Refused && !string.IsNullOrWhiteSpace(report.Reason) && !report.Reason.Any(char.IsControl), $"seed {seed}: {report}");
        }
    }

    [Fact]
    public void LoadFolder_FolderWithoutAnAssemblyOfItsName_IsReported()
    {
        using var folder = new PluginFolder();
        Directory.CreateDirectory(Path.Combine(folder.Root, "Nothing"));

        PluginReport report = Assert.Single(new BackendCatalog().LoadFolder(folder.Root));

        Assert.Equal("there is no file 'Nothing.dll' in its folder; the assembly of a plugin is named like its folder.", report.Reason);
    }

    [Fact]
    public void LoadFolder_MissingFolder_IsAnErrorThatNamesIt()
    {
        using var folder = new PluginFolder();
        string missing = Path.Combine(folder.Root, "plugins");

        ImageException exception = Assert.Throws<ImageException>(() => new BackendCatalog().LoadFolder(missing));

        Assert.Equal((ImageErrorKind.NotFound, $"{missing}: there is no such plugins folder.", missing), (exception.Kind, exception.Message, exception.Path));
    }

    [Theory]
    [InlineData(1, 0, null)]
    [InlineData(1, 1, "update the program")]
    [InlineData(2, 0, "update the program")]
    [InlineData(0, 0, "take a newer version of the plugin")]
    [InlineData(1, -1, "take a newer version of the plugin")]
    [InlineData(int.MaxValue, int.MaxValue, "update the program")]
    [InlineData(int.MinValue, 0, "take a newer version of the plugin")]
    public void Contract_SameMajorAndNoNewerMinor_IsAccepted(int major, int minor, string? advice)
    {
        PluginRefusedException? refusal = (PluginRefusedException?)Record.Exception(() => PluginGate.CheckContract(major, minor));

        if (advice is null)
        {
            Assert.Null(refusal);
        }
        else
        {
            Assert.Contains(advice, refusal!.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(".NETCoreApp,Version=v10.0", true)]
    [InlineData(".NETCoreApp,Version=v8.0", true)]
    [InlineData(".NETCoreApp,Version=v10.1", false)]
    [InlineData(".NETStandard,Version=v2.0", true)]
    [InlineData(".NETStandard,Version=v3.0", false)]
    [InlineData(".NETFramework,Version=v4.8", false)]
    [InlineData("Silverlight", false)]
    [InlineData("", false)]
    public void Framework_ThatTheRuntimeHas_IsAccepted(string framework, bool accepted) =>
        Assert.Equal(accepted, Record.Exception(() => PluginGate.CheckFramework(framework, new Version(10, 0, 3))) is null);

    private static string? ReasonFor(string name, ReadOnlySpan<byte> bytes)
    {
        using var folder = new PluginFolder();
        PluginReport report = new BackendCatalog().LoadFile(folder.Add(name, bytes));
        Assert.Equal(PluginState.Refused, report.State);
        return report.Reason;
    }

    private sealed class NoLoader : IPluginLoader
    {
        public IPluginContext Load(PluginLoadRequest request) => throw new NotSupportedException("nothing is loaded here");
    }
}
