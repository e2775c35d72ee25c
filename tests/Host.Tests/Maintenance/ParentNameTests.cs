using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

public sealed class ParentNameTests : IDisposable
{
    private const int Block = MaintenanceHost.Block;

    private readonly MaintenanceHost _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task ClosedImage_GetsAName_RelativeToItsFolder_WithTheFormatFoundOut()
    {
        _test.Create("sub/top");
        _test.Create("base");

        await _test.Host.SetParentNameAsync(_test["sub/top"], _test["base"]);
        Assert.Equal(("../base", null), await _test.ParentOf("sub/top"));

        await _test.Host.SetParentNameAsync(_test["sub/top"], _test["base"], new SetParentOptions { AbsoluteName = true, Format = "raw" });
        Assert.Equal((_test["base"], "raw"), await _test.ParentOf("sub/top"));

        await _test.Host.SetParentNameAsync(_test["sub/top"], "no/such:file", new SetParentOptions { Verbatim = true, Format = "testblocks" });
        Assert.Equal(("no/such:file", null), await _test.ParentOf("sub/top"));

        await _test.Host.SetParentNameAsync(_test["sub/top"], null);
        Assert.Equal((null, null), await _test.ParentOf("sub/top"));
    }

    [Fact]
    public async Task FormatThatCannotBeFoundOut_IsRefused_AndTheOldNameStays()
    {
        _test.Create("top", parent: "base", parentFormat: "testblocks");
        File.WriteAllBytes(_test["plain"], new byte[Block]);

        foreach ((string name, bool verbatim) in ((string, bool)[])[(_test["gone"], false), (_test["plain"], false), ("plain", true), ("nbd:server", true), ("/etc/passwd", true)])
        {
            ImageException refusal = await Refusal(() => _test.Host.SetParentNameAsync(_test["top"], name, new SetParentOptions { Verbatim = verbatim }));
            Assert.NotEqual(ImageErrorKind.BackendFault, refusal.Kind);
        }

        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(() => _test.Host.SetParentNameAsync(_test["top"], _test["top"]))).Kind);
        File.CreateSymbolicLink(_test["link"], _test["top"]);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(() => _test.Host.SetParentNameAsync(_test["top"], _test["link"]))).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(() => _test.Host.SetParentNameAsync(_test["top"], new string('x', 5000), new SetParentOptions { Verbatim = true, Format = "qed" }))).Kind);
        Assert.Equal(("base", null), await _test.ParentOf("top"));
        Assert.Equal(["link", "plain", "top"], _test.Files);
    }

    [Fact]
    public async Task LiveDisk_StoresWhatEqualsItsOldParent_SoThatTheNewOneDoesNotShowThrough()
    {
        _test.Create("old", value: 7);
        _test.Create("new", value: 9);
        _test.Create("top", parent: "old", parentFormat: "testblocks");
        using (VirtualDisk disk = _test.Open("top"))
        {
            await disk.SetParentNameAsync(_test["new"], cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal("new", disk.Levels[0].ParentName);
            byte[] sevens = new byte[Block];
            sevens.AsSpan().Fill(7);
            disk.Write(Block, sevens);
            disk.Write((2 * Block) + 1, [1]);
            Assert.Equal(7, TestDisks.ReadAll(disk)[0]);
            disk.Close();
        }

        Assert.Equal(9, _test.At("top", 0));
        Assert.Equal(7, _test.At("top", Block));
        Assert.Equal(7, _test.At("top", 2 * Block));
        Assert.Equal(1, _test.At("top", (2 * Block) + 1));
    }

    [Fact]
    public async Task LiveDisk_ThatIsPutUnderAnOverlayAfterwards_StoresInIt_WhatEqualsTheOldParent()
    {
        _test.Create("old", value: 7);
        _test.Create("new", value: 9);
        _test.Create("top", parent: "old", parentFormat: "testblocks");
        using (VirtualDisk disk = _test.Open("top"))
        {
            await disk.SetParentNameAsync(_test["new"], cancellationToken: TestContext.Current.CancellationToken);
            await disk.SnapshotAsync(_test["over"], cancellationToken: TestContext.Current.CancellationToken);
            byte[] sevens = new byte[Block];
            sevens.AsSpan().Fill(7);
            disk.Write(Block, sevens);
            disk.Close();
        }

        Assert.Equal(9, _test.At("over", 0));
        Assert.Equal(7, _test.At("over", Block));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LiveDisk_DoesNotDropWhatEqualsItsOldParent_WhenItIsCompacted(bool underAnOverlay)
    {
        _test.Create("old", value: 7);
        _test.Create("new", value: 9);
        _test.Create("top", parent: "old", parentFormat: "testblocks");
        byte[] sevens = new byte[Block];
        sevens.AsSpan().Fill(7);
        using (VirtualDisk disk = _test.Open("top"))
        {
            await disk.SetParentNameAsync(_test["new"], cancellationToken: TestContext.Current.CancellationToken);
            if (underAnOverlay)
            {
                await disk.SnapshotAsync(_test["over"], cancellationToken: TestContext.Current.CancellationToken);
            }

            disk.Write(Block, sevens);

            ImageException refusal = await Refusal(() => disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true }));
            Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
            await disk.CompactAsync(cancellationToken: TestContext.Current.CancellationToken);
            disk.Close();
        }

        Assert.Equal(7, _test.At(underAnOverlay ? "over" : "top", Block));
    }

    [Fact]
    public async Task LiveDisk_WithoutAParent_GetsOne_AndZerosThatAreWrittenStay()
    {
        _test.Create("new", value: 9);
        _test.Create("top");
        using (VirtualDisk disk = _test.Open("top"))
        {
            await disk.SetParentNameAsync(_test["new"], cancellationToken: TestContext.Current.CancellationToken);
            disk.Write(Block + 1, [1]);
            disk.WriteZeroes(2 * Block, Block);
            disk.WriteZeroes((3 * Block) + 1, 1);
            disk.Write(4 * Block, new byte[Block]);
            disk.Discard(5 * Block, Block);
            await disk.ResizeAsync(20 * Block, cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(0, TestDisks.ReadAll(disk)[0]);
            disk.Close();
        }

        Assert.Equal(9, _test.At("top", 0));
        Assert.Equal(0, _test.At("top", Block));
        Assert.Equal(1, _test.At("top", Block + 1));
        Assert.Equal(0, _test.At("top", 2 * Block));
        Assert.Equal(0, _test.At("top", 3 * Block));
        Assert.Equal(0, _test.At("top", 4 * Block));
        Assert.Equal(0, _test.At("top", 17 * Block));
    }

    [Fact]
    public async Task LiveDisk_WhereStoringFails_GoesOnOverItsOldParent()
    {
        var chain = new SimulatedChain(8 * Block, 8 * Block).Fill(1, 7);
        using var host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false });
        var levels = new List<Level>();
        for (int i = 0; i < 2; i++)
        {
            levels.Add(new Level { Image = chain.OpenImage(i, readOnly: i > 0), Path = $"/level {i}", FormatId = "testblocks" });
        }

        var generation = new Generation(levels);
        await VirtualDisk.TellBeneathAsync<AsyncIo>(generation, default);
        using var disk = new VirtualDisk(generation, new DiskOpenOptions(), host, number: -1, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        chain.Top.Fail(new StorageFault { Kind = StorageOperationKind.Write, Where = (offset, _) => offset == 0 });

        await Refusal(() => disk.SetParentNameAsync("other", new SetParentOptions { Verbatim = true, Format = "raw" }));

        Assert.Equal("level 1", disk.Levels[0].ParentName);
        disk.Write(5, [1]);
        Assert.Equal((byte[])[7, 1, 7], TestDisks.ReadAll(disk)[4..7]);

        // It does not store again what the parent holds.
        byte[] sevens = new byte[Block];
        sevens.AsSpan().Fill(7);
        disk.Write(Block, sevens);
        Assert.Equal(1, disk.Map(Block, Block).Depth);
    }

    [Fact]
    public async Task ReadOnlyDisk_OrAFormatThatCannot_IsRefused()
    {
        _test.Create("top");
        using (VirtualDisk disk = _test.Open("top", readOnly: true))
        {
            Assert.Equal(ImageErrorKind.ReadOnly, (await Refusal(() => disk.SetParentNameAsync(null))).Kind);
        }

        File.WriteAllBytes(_test["raw"], new byte[Block]);
        Assert.Equal(ImageErrorKind.NotSupported, (await Refusal(() => _test.Host.SetParentNameAsync(_test["raw"], null, request: new ImageOpenRequest { Format = "raw" }))).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(() => _test.Host.SetParentNameAsync(_test["top"], null, request: new ImageOpenRequest { ForceShare = true }))).Kind);
    }

    private static async Task<ImageException> Refusal(Func<ValueTask> action) => await Assert.ThrowsAsync<ImageException>(async () => await action());
}
