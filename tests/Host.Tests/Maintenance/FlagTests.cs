using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

/// <summary>Flags that a caller may add to an opening: kept where they mean something, and never a reason to refuse.</summary>
public sealed class FlagTests : IDisposable
{
    private const int Block = MaintenanceHost.Block;
    private const ImageOpenFlags Honoured = ImageOpenFlags.HonorSame | ImageOpenFlags.HonorZeroes | ImageOpenFlags.Discard | ImageOpenFlags.Sequential;

    private readonly MaintenanceHost _test = new();

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData("qed")]
    [InlineData("testblocks")]
    public async Task HonouredFlags_GoWithReadOnly_WithOverlays_AndWithEveryChangeOfAccess(string format)
    {
        _test.Create("base", format, value: 7);
        DiskOpenOptions options = MaintenanceHost.Options with { Flags = Honoured };
        using (VirtualDisk disk = _test.Host.OpenDisk(_test["base"], options))
        {
            await disk.SnapshotAsync(_test["over"], cancellationToken: TestContext.Current.CancellationToken);
            await disk.SetReadOnlyAsync(true, TestContext.Current.CancellationToken);
            await disk.SetReadOnlyAsync(false, TestContext.Current.CancellationToken);
            disk.Write(1, [1]);
            disk.Close();
        }

        using (VirtualDisk disk = _test.Host.OpenDisk(_test["over"], options with { ReadOnly = true }))
        {
            Assert.Equal((byte[])[7, 1, 7], TestDisks.ReadAll(disk)[..3]);
        }

        await _test.Host.CreateOverlayAsync(_test["over"], _test["second"], cancellationToken: TestContext.Current.CancellationToken);
        using VirtualDisk second = _test.Host.OpenDisk(_test["second"], options);
        Assert.Equal(3, second.Levels.Count);
    }

    [Theory]
    [InlineData(ImageOpenFlags.None, false)]
    [InlineData(ImageOpenFlags.HonorSame, true)]
    public void HonourSame_StoresWhatTheChainReadsAlready(ImageOpenFlags flags, bool isStored)
    {
        _test.Create("base", "qed", value: 7);
        _test.Create("top", "qed", "base", "qed");
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top"], MaintenanceHost.Options with { Flags = flags });
        byte[] sevens = new byte[Block];
        sevens.AsSpan().Fill(7);
        disk.Write(0, sevens);
        disk.Write(Block + 1, [7]);
        Assert.Equal(isStored ? 0 : 1, disk.Map(0, Block).Depth);
        Assert.Equal(isStored ? 0 : 1, disk.Map(Block, Block).Depth);
    }

    [Theory]
    [InlineData(ImageOpenFlags.None, ExtentKind.Free)]
    [InlineData(ImageOpenFlags.HonorZeroes, ExtentKind.Zero)]
    public void HonourZeroes_StoresThemWhereFreeSpaceWouldReadTheSame(ImageOpenFlags flags, ExtentKind expected)
    {
        _test.Create("image", "qed");
        using VirtualDisk disk = _test.Host.OpenDisk(_test["image"], MaintenanceHost.Options with { Flags = flags });
        disk.WriteZeroes(Block, Block);
        Assert.Equal(expected, disk.Map(Block, Block).Kind);
    }

    [Fact]
    public void CopyOntoAFileOfItsOwnChain_IsRefused_ThoughNoLocksAreHeld()
    {
        _test.Create("base", value: 7);
        _test.Create("top", parent: "base", parentFormat: "testblocks");
        byte[][] before = [File.ReadAllBytes(_test["base"]), File.ReadAllBytes(_test["top"])];
        File.CreateSymbolicLink(_test["link"], _test["base"]);
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top"], MaintenanceHost.Options with { ReadOnly = true, ForceShare = true });
        foreach (string name in (string[])["top", "base", "link"])
        {
            ImageException refusal = Assert.Throws<ImageException>(() => PendingFile.Create(_test[name], new PendingFileOptions { Overwrite = true, KeepChainOf = disk }));
            Assert.Equal(ImageErrorKind.InUse, refusal.Kind);
            Assert.Contains("belongs to the chain", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Equal(before, [File.ReadAllBytes(_test["base"]), File.ReadAllBytes(_test["top"])]);
        Assert.Equal(["base", "link", "top"], _test.Files);
    }
}
