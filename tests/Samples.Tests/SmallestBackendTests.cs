using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Samples.Tests;

public sealed class SmallestBackendTests
{
    [Fact]
    public void Plugin_IsLoadedFromItsFolder_WithoutACopyOfTheContract()
    {
        PluginReport report = Assert.Single(SmallestBackendPlugin.Catalog.Plugins);

        Assert.Equal((PluginState.Loaded, null, "SmallestBackend"), (report.State, report.Reason, report.Name));
        Assert.Equal(new Version(ContractVersion.Major, ContractVersion.Minor), report.ContractVersion);
        Assert.False(File.Exists(Path.Combine(Path.GetDirectoryName(report.Path)!, "QedVd.Abstractions.dll")));
    }

    [Fact]
    public void Image_IsRecognisedWithCertainty()
    {
        ProbeReport report = new Prober(SmallestBackendPlugin.Catalog).Probe(NewImage(512).Open());

        Assert.Equal("twoimg", report.RequireFormat(forWriting: true));
    }

    [Theory]
    [InlineData(0, 0x33, ImageErrorKind.NotThisFormat)] // magic
    [InlineData(12, 2, ImageErrorKind.UnsupportedFeature)] // data order
    [InlineData(19, 0x80, ImageErrorKind.ReadOnly)] // locked
    [InlineData(20, 9, ImageErrorKind.Corrupt)] // blocks
    [InlineData(24, 63, ImageErrorKind.Corrupt)] // data inside the header
    [InlineData(25, 1, ImageErrorKind.Corrupt)] // data behind the end
    [InlineData(31, 0xFF, ImageErrorKind.Corrupt)] // length
    public void Open_WrongHeaderField_IsRefused(int offset, byte value, ImageErrorKind kind)
    {
        SimulatedFile file = NewImage(1024);
        using (SimulatedStorage storage = file.Open())
        {
            storage.Write(offset, [value]);
        }

        ImageException exception = Assert.Throws<ImageException>(() => SmallestBackendPlugin.Catalog.Get("twoimg").Open(file.Open(), new ImageOpenOptions()));

        Assert.Equal(kind, exception.Kind);
        Assert.Contains(file.Name, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileCutInItsHeader_IsRefused()
    {
        SimulatedFile file = NewImage(1024);
        using (SimulatedStorage storage = file.Open())
        {
            storage.SetLength(40);
        }

        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => SmallestBackendPlugin.Catalog.Get("twoimg").Open(file.Open(), new ImageOpenOptions())).Kind);
    }

    private static SimulatedFile NewImage(long sizeBytes)
    {
        var file = new SimulatedFile("disk.2mg");
        using SimulatedStorage storage = file.Open();
        SmallestBackendPlugin.Catalog.Get("twoimg").Create(storage, new ImageCreateOptions { VirtualSizeBytes = sizeBytes });
        return file;
    }
}
