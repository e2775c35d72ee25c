namespace QedVd.Host.Tests;

/// <summary>A plugin whose images throw when they are disposed: it is named where that is all that went wrong, hides nothing else, and stays usable and unloadable.</summary>
public sealed class ThrowingDisposeTests : IDisposable
{
    private const string Plugin = "ThrowingDispose";
    private const string Format = "throwing-dispose";

    private readonly PluginFolder _folder = new();
    private readonly DiskHost _host = new(new DiskHostOptions { LoadDefaultPlugins = false, ArePluginsUnloadable = true });

    public ThrowingDisposeTests() => Assert.Null(_host.Backends.LoadFile(TestPluginFiles.PathOf(Plugin)).Reason);

    public void Dispose()
    {
        _host.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(true, "from Dispose")]
    [InlineData(false, "from DisposeAsync")]
    public async Task OpenedImage_ThatIsDisposed_IsAFaultThatNamesThePlugin_AndIsOpenedAgain(bool synchronous, string thrown)
    {
        string path = Make("disk.img");
        for (int i = 0; i < 2; i++)
        {
            OpenedImage image = await _host.OpenImageAsync(path, new ImageOpenRequest { Format = Format });
            ImageException exception = synchronous ? Assert.Throws<ImageException>(image.Dispose) : await Assert.ThrowsAsync<ImageException>(async () => await image.DisposeAsync());

            Assert.Equal(ImageErrorKind.BackendFault, exception.Kind);
            Assert.Contains($"backend '{Format}' of plugin '{Plugin}' failed while closing it (InvalidOperationException: {thrown})", exception.Message, StringComparison.Ordinal);
            Assert.Contains("disk.img", exception.Message, StringComparison.Ordinal);
        }

        // Nothing keeps the plugin, nor the file.
        _host.Backends.Unload(Plugin);
        using FileStorage storage = FileStorage.Open(path);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Disk_ThatIsDisposed_IsClosed(bool synchronous)
    {
        string path = Make("disk.img");
        VirtualDisk disk = _host.OpenDisk(path, new DiskOpenOptions { Format = Format });
        disk.Write(0, new byte[512]);
        if (synchronous)
        {
            disk.Dispose();
        }
        else
        {
            await disk.DisposeAsync();
        }

        _host.Backends.Unload(Plugin);
        using FileStorage storage = FileStorage.Open(path);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Image_ThatIsRefused_IsRefusedForWhatWasWrong(bool synchronous)
    {
        string path = Make("negative.img");
        var options = new DiskOpenOptions { Format = Format };

        ImageException exception = await Assert.ThrowsAsync<ImageException>(async () => _ = synchronous ? _host.OpenDisk(path, options) : await _host.OpenDiskAsync(path, options));

        Assert.Contains("says that the disk has -512 bytes", exception.Message, StringComparison.Ordinal);
        _host.Backends.Unload(Plugin);
    }

    private string Make(string name)
    {
        string path = Path.Combine(_folder.Root, name);
        File.WriteAllBytes(path, new byte[65536]);
        return path;
    }
}
