using QedVd.TestKit;

namespace QedVd.Host.Tests;

/// <summary>What the catalogue hands out checks what the backend answers.</summary>
public sealed class RegisteredBackendTests
{
    [Fact]
    public void Probe_ThatThrows_IsAFaultOfThePlugin()
    {
        ImageException exception = Assert.Throws<ImageException>(() => Load("FailingProbe").Probe(new ProbeInput([], 0, "disk.img")));

        Assert.Equal(ImageErrorKind.BackendFault, exception.Kind);
        Assert.Equal("disk.img: the backend 'failing-probe' of plugin 'FailingProbe' failed while probing it (IndexOutOfRangeException: at 17). This is a mistake in the backend; report it to its author.", exception.Message);
        Assert.IsType<IndexOutOfRangeException>(exception.InnerException);
    }

    [Fact]
    public void Probe_ThatAnswersNonsense_IsAFaultOfThePlugin()
    {
        ImageException exception = Assert.Throws<ImageException>(() => Load("WrongAnswers").Probe(new ProbeInput([], 0)));

        Assert.Equal("The backend 'wrong-answers' of plugin 'WrongAnswers' answered a probe with confidence 7, which the contract does not know.", exception.Message);
    }

    [Theory]
    [InlineData("null", "null: the backend 'wrong-answers' of plugin 'WrongAnswers' opened it and returned no image.")]
    [InlineData("throw", "throw: the backend 'wrong-answers' of plugin 'WrongAnswers' failed while opening it (NullReferenceException: oops). This is a mistake in the backend; report it to its author.")]
    [InlineData("negative", "negative: backend 'wrong-answers' says that the disk has -512 bytes, which the contract does not allow. Do not write to the image with it; report this to its author.")]
    [InlineData("limits", "limits: backend 'wrong-answers' states alignment 3, block 0, best request 0 bytes, which the contract does not allow. Do not write to the image with it; report this to its author.")]
    [InlineData("writable", "writable: backend 'wrong-answers' opened for writing what was to be opened read-only, which the contract does not allow. Do not write to the image with it; report this to its author.")]
    public async Task Open_ThatBreaksTheContract_IsAFault_InBothForms(string name, string message)
    {
        IImageBackend backend = Load("WrongAnswers");
        var options = new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly };

        ImageException synchronous = Assert.Throws<ImageException>(() => backend.Open(Storage(name), options));
        ImageException asynchronous = await Assert.ThrowsAsync<ImageException>(async () => await backend.OpenAsync(Storage(name), options));

        Assert.Equal((ImageErrorKind.BackendFault, message), (synchronous.Kind, synchronous.Message));
        Assert.Equal((ImageErrorKind.BackendFault, message), (asynchronous.Kind, asynchronous.Message));
    }

    [Fact]
    public void Open_ThatBreaksTheContract_ClosesTheImage()
    {
        SimulatedStorage storage = Storage("negative");

        Assert.Throws<ImageException>(() => Load("WrongAnswers").Open(storage, new ImageOpenOptions()));

        Assert.True(storage.IsDisposed);
    }

    [Fact]
    public void Open_ErrorOfTheContract_PassesUnchanged()
    {
        ImageException exception = Assert.Throws<ImageException>(() => Load("WrongAnswers").Open(Storage("late"), new ImageOpenOptions()));

        Assert.Equal((ImageErrorKind.Corrupt, "late: corrupt, as a backend may say"), (exception.Kind, exception.Message));
    }

    [Fact]
    public async Task OptionalMember_ThatABackendDoesNotHave_SaysSo()
    {
        var catalog = new BackendCatalog();
        catalog.AddBackend<FakeBackend>();
        IImageBackend backend = catalog.Get("fake");

        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => backend.Create(Storage("x"), new ImageCreateOptions { VirtualSizeBytes = 512 })).Kind);
        Assert.Equal(ImageErrorKind.NotSupported, (await Assert.ThrowsAsync<ImageException>(async () => await backend.CheckAsync(Storage("x"), new CheckOptions()))).Kind);
    }

    private static IImageBackend Load(string plugin)
    {
        var catalog = new BackendCatalog();
        PluginReport report = catalog.LoadFile(TestPluginFiles.PathOf(plugin));
        Assert.Null(report.Reason);
        return catalog.Backends[0];
    }

    private static SimulatedStorage Storage(string name) => new(new SimulatedFile(name));
}
