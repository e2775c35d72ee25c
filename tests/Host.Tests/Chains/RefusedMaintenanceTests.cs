using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Host.Tests.Maintenance;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Chains;

/// <summary>What is said, word for word, of operations on a whole disk that cannot be, and that nothing is changed then.</summary>
public sealed class RefusedMaintenanceTests : IDisposable
{
    private const int Block = SimulatedChain.Block;
    private const int Size = 16 * Block;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(Size + 1, false, "top: a disk of 65537 bytes: its size is a multiple of 512, because it consists of whole sectors. Round it.")]
    [InlineData(-512, true, "top: a disk of -512 bytes: its size is a multiple of 512, because it consists of whole sectors. Round it.")]
    [InlineData(Size - 512, false, "top: 65024 bytes are less than the disk's 65536: what lies beyond would be lost. Say so (mayShrink, --shrink) if that is meant.")]
    public async Task SizeThatMakesNoSense(long size, bool mayShrink, string message)
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block));

        await AssertRefusedAsync(ImageErrorKind.InvalidArgument, "top", "resize", message, () => disk.ResizeAsync(size, mayShrink));
        Assert.Equal(Size, disk.LengthBytes);
    }

    [Fact]
    public async Task FormatThatCannot()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block));

        await AssertRefusedAsync(ImageErrorKind.NotSupported, "top", "grow", "top: the format 'blocks' cannot grow this image.", () => disk.ResizeAsync(Size + 512));
        await AssertRefusedAsync(ImageErrorKind.NotSupported, "top", "grow", "top: the format 'blocks' cannot grow this image.", () => disk.ResizeAsync(Size));
        await AssertRefusedAsync(ImageErrorKind.NotSupported, "top", "shrink", "top: the format 'blocks' cannot shrink this image.", () => disk.ResizeAsync(512, mayShrink: true));
        await AssertRefusedAsync(ImageErrorKind.NotSupported, "top", "compact", "top: the format 'blocks' cannot compact this image.", () => disk.CompactAsync());
        await AssertRefusedAsync(
            ImageErrorKind.NotSupported, "top", "change the parent's name in", "top: the format 'blocks' cannot change the parent's name in this image.", () => disk.SetParentNameAsync("x"));
    }

    [Fact]
    public async Task RebaseOfAFormatThatCannotNameAParent_CopiesNothing()
    {
        var top = new BlockImage("top", Size, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", Size, Block, 9));
        const string Message = "top: the format 'blocks' cannot change the parent's name in this image.";

        await AssertRefusedAsync(ImageErrorKind.NotSupported, "top", "change the parent's name in", Message, () => Plain(disk.FlattenAsync()));
        await AssertRefusedAsync(ImageErrorKind.NotSupported, "top", "change the parent's name in", Message, () => Plain(disk.RebaseAsync(null)));
        await AssertRefusedAsync(ImageErrorKind.NotSupported, "top", "change the parent's name in", Message, () => Plain(disk.RebaseAsync(_test["other.qed"])));

        Assert.True(top.TryMap(0, Size, out Extent extent));
        Assert.Equal((ExtentKind.Free, (long)Size), (extent.Kind, extent.LengthBytes));
    }

    [Fact]
    public async Task DiskThatIsOnlyRead()
    {
        using VirtualDisk disk = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, new BlockImage("top", Size, Block));

        foreach ((string operation, Func<ValueTask> action) in ((string, Func<ValueTask>)[])[("resize", () => disk.ResizeAsync(Size)), ("compact", () => disk.CompactAsync()), ("change", () => disk.SetParentNameAsync("x"))])
        {
            await AssertRefusedAsync(ImageErrorKind.ReadOnly, "top", operation, $"top: the disk is open for reading only. Open it without ReadOnly to {operation} it.", action);
        }

        await AssertRefusedAsync(
            ImageErrorKind.ReadOnly, "top", "snapshot", "top: the disk is open for reading only, so that there is nothing to take a snapshot of. Create an overlay instead.",
            () => disk.SnapshotAsync(_test["over.qed"]));
    }

    [Fact]
    public async Task DiskThatIsNoFile_OrOfNoHost()
    {
        using VirtualDisk disk = new SimulatedChain(Size, Size).Open();

        await AssertRefusedAsync(ImageErrorKind.NotSupported, "level 0", null, "level 0: a snapshot of a disk whose top is no file is not supported here.", () => disk.SnapshotAsync(_test["over.qed"]));
        await AssertRefusedAsync(ImageErrorKind.NotSupported, "level 0", null, "level 0: renaming a disk whose top is no file is not supported here.", () => disk.RenameAsync(_test["new"]));
        await AssertRefusedAsync(
            ImageErrorKind.NotSupported, "level 0", null, "level 0: setting the parent of a disk that no host has opened is not supported here.", () => disk.SetParentNameAsync("x"));
        await AssertRefusedAsync(ImageErrorKind.NotSupported, "level 0", null, "level 0: a rebase of a disk whose top is no file is not supported here.", () => Plain(disk.RebaseAsync("x")));
        Assert.Empty(_test.Files);

        using FileStorage file = FileStorage.Open(_test.Raw("file", Size, 0));
        using var hostless = new VirtualDisk(
            new Generation([new Level { Image = new BlockImage("top", Size, Block), Path = "top", FormatId = "blocks", Storage = file }]), new DiskOpenOptions(), host: null, number: 0, NullLogger.Instance);
        await AssertRefusedAsync(ImageErrorKind.NotSupported, "top", null, "top: a snapshot of a disk whose top is no file is not supported here.", () => hostless.SnapshotAsync(_test["over.qed"]));
    }

    [Fact]
    public async Task DiskThatOthersRelyOn()
    {
        using VirtualDisk parent = new SimulatedChain(Size).Open();
        DiskAsImage[] children = [DiskAsImage.Over(parent), DiskAsImage.Over(parent)];

        await AssertRefusedAsync(
            ImageErrorKind.InUse, "level 0", "shrink", "level 0: 2 open disks have this one as their parent, and rely on it as it is. Close them first.", () => parent.ResizeAsync(Block, mayShrink: true));
        Assert.Equal(Size, parent.LengthBytes);
        await parent.ResizeAsync(2 * Size, cancellationToken: Stop);

        Array.ForEach(children, child => child.Close());
        await parent.ResizeAsync(Block, mayShrink: true, cancellationToken: Stop);
        Assert.Equal(Block, parent.LengthBytes);
        Assert.True(parent.Children.TryClose());
        parent.Children.Reopen();
    }

    [Fact]
    public async Task DiskThatIsReadOnly_AndOthersRelyOn_DoesNotBecomeWritable()
    {
        using VirtualDisk parent = new SimulatedChain(Size) { AreParentsWritable = true }.Open(readOnly: true);
        using var child = DiskAsImage.Over(parent);

        await AssertRefusedAsync(
            ImageErrorKind.InUse, "level 0", "make writable", "level 0: 1 open disks have this one as their parent, and rely on it as it is. Close them first.", () => parent.SetReadOnlyAsync(false));

        Assert.True(parent.IsReadOnly);
        child.Close();
        await parent.SetReadOnlyAsync(false, Stop);
        Assert.False(parent.IsReadOnly);
        DiskAsImage.Over(parent).Close();
    }

    [Fact]
    public async Task DroppingWhatEqualsAParent_ThatMayChange()
    {
        using VirtualDisk parent = TestDisks.Compose(new BlockImage("parent", Size, Block));
        IDiskImage top = new SimulatedChain(Size).OpenImage(0, readOnly: false);
        var generation = new Generation(
            [
                new Level { Image = top, Path = "top", FormatId = "testblocks" }, new Level { Image = new BlockImage("middle", Size, Block), Path = "middle", FormatId = "blocks" },
                new Level { Image = DiskAsImage.Over(parent), Path = "parent", FormatId = DiskAsImage.FormatId, IsMutable = true },
            ]);
        using var disk = new VirtualDisk(generation, new DiskOpenOptions(), host: null, number: 0, NullLogger.Instance);

        await AssertRefusedAsync(
            ImageErrorKind.InvalidArgument, "top", "compact",
            "top: its parent 'parent' is a disk that may be written meanwhile, so that what equals it now may differ later. Compact without DropBlocksEqualToParent.",
            () => disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true }));
        await disk.CompactAsync(cancellationToken: Stop);
    }

    [Fact]
    public async Task DroppingWhatEqualsAParent_WhoseNameWasChanged()
    {
        string top = _test.Qed("top.qed", Size, "base.qed");
        _test.Qed("base.qed", Size);
        using VirtualDisk disk = _test.Host.OpenDisk(top);
        await disk.SetParentNameAsync(_test["base.qed"], cancellationToken: Stop);

        await AssertRefusedAsync(
            ImageErrorKind.InvalidArgument, top, "compact",
            $"{top}: a parent's name was changed since the disk was opened, so that what equals the levels beneath now may differ later. Compact without DropBlocksEqualToParent, or open the disk again.",
            () => disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true }));
        await disk.CompactAsync(cancellationToken: Stop);
    }

    [Fact]
    public async Task DiffOfADiskThatGetsOtherLevelsMeanwhile()
    {
        var top = new TracedImage("top", 1000 * Block, Block, ExtentKind.Data);
        for (int i = 0; i < 1000; i += 2)
        {
            top.Set(i * Block, Block, ExtentKind.Zero);
        }

        using VirtualDisk disk = TestDisks.Compose(top, new BlockImage("base", Size, Block));
        await using IAsyncEnumerator<DiskExtent> diff = disk.DiffAsync(1, Stop).GetAsyncEnumerator(Stop);
        Assert.True(await diff.MoveNextAsync());
        await disk.TakeOverlayAsync(new Level { Image = new BlockImage("over", 1000 * Block, Block), Path = "over", FormatId = "blocks" }, Stop);

        await AssertRefusedAsync(
            ImageErrorKind.InvalidArgument, "over", "diff", "over: the disk has got other levels meanwhile, so that depths mean something else. Do it again.",
            async () =>
            {
                while (await diff.MoveNextAsync())
                {
                }
            });
    }

    [Fact]
    public async Task ClosingThatCouldNotSaveEverything_IsLogged_WhereItIsNotThrown()
    {
        foreach (bool isAsync in (bool[])[false, true])
        {
            var log = new LogLines();
            var image = new BlockImage("top\u001b", Size, Block) { CloseError = new ImageException(ImageErrorKind.OutOfSpace, "no\u001b room") };
            var disk = new VirtualDisk(new Generation([new Level { Image = image, Path = image.Name, FormatId = "blocks" }]), new DiskOpenOptions(), host: null, number: 0, log);

            if (isAsync)
            {
                await disk.DisposeAsync();
            }
            else
            {
                disk.Dispose();
            }

            Assert.Equal(["top\\u{1b}: closing could not save everything: no\\u{1b} room"], log.Lines);
        }
    }

    [Fact]
    public void RangeOutsideOfTheDisk_IsNamed()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block));

        foreach ((long offset, long length) in ((long, long)[])[(Size, 1), (-1, 1), (0, -1), (Size - 1, 2), (long.MaxValue, long.MaxValue)])
        {
            ArgumentOutOfRangeException refusal = Assert.Throws<ArgumentOutOfRangeException>(() => disk.WriteZeroes(offset, length));
            Assert.Equal("offset", refusal.ParamName);
            Assert.StartsWith($"top: {length} bytes at {offset} are not inside the disk of {Size} bytes.", refusal.Message, StringComparison.Ordinal);
        }
    }

    private static async ValueTask Plain(ValueTask<OperationResult> operation) => await operation;

    private static async Task AssertRefusedAsync(ImageErrorKind kind, string path, string? operation, string message, Func<ValueTask> action)
    {
        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await action());
        Assert.Equal((kind, path, operation ?? refusal.Operation, message), (refusal.Kind, refusal.Path, refusal.Operation, refusal.Message));
    }
}
