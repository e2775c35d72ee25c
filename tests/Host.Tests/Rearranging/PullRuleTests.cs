using System.Collections.Concurrent;
using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>One rule of a pull each: what is written, as what, and what is left out.</summary>
public sealed class PullRuleTests : IDisposable
{
    private const int Block = 4096;

    private readonly PullFolder _test = new();

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Flatten_TakesInData_AndLeavesZerosAndHolesOut()
    {
        _test.Create("base", 6 * Block);
        _test.Fill("base", 7, 0, Block);
        _test.Fill("base", 0, Block, Block);
        _test.Zero("base", 2 * Block, Block);
        _test.Create("top", 6 * Block, "base");
        _test.Fill("top", 9, 4 * Block, Block);

        OperationResult result = await _test.Host.FlattenAsync(_test["top"], options: PullFolder.Options);

        Assert.Equal(new OperationResult(6 * Block, Block, 5 * Block), result);
        Assert.Equal((null, null), await _test.ParentOfAsync("top"));
        ExtentKind[] expected = [ExtentKind.Data, ExtentKind.Free, ExtentKind.Free, ExtentKind.Free, ExtentKind.Data, ExtentKind.Free];
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(expected[i] == await _test.OwnAsync("top", i * Block), $"block {i}");
        }

        Assert.Equal(7, _test.Read("top")[0]);
    }

    [Fact]
    public async Task Rebase_MarksZerosOverData_AndCopiesOnlyWhatDiffers()
    {
        _test.Create("old", 4 * Block);
        _test.Fill("old", 1, Block, 3 * Block);
        _test.Create("new", 4 * Block);
        _test.Fill("new", 1, 0, 2 * Block);
        _test.Fill("new", 2, 2 * Block, Block);
        _test.Create("top", 4 * Block, "old");
        byte[] expected = _test.Read("top");

        OperationResult result = await _test.Host.RebaseAsync(_test["top"], _test["new"], options: PullFolder.Options);

        // Old zero over new data; equal; other data; old data over nothing.
        Assert.Equal(2 * Block, result.CopiedBytes);
        Assert.Equal(
            [ExtentKind.Zero, ExtentKind.Free, ExtentKind.Data, ExtentKind.Data],
            [await _test.OwnAsync("top", 0), await _test.OwnAsync("top", Block), await _test.OwnAsync("top", 2 * Block), await _test.OwnAsync("top", 3 * Block)]);
        Assert.Equal(expected, _test.Read("top"));
        Assert.Equal(("new", null), await _test.ParentOfAsync("top"));
    }

    [Fact]
    public async Task ZeroMarkersOfTheTop_StayOverADataParent()
    {
        _test.Create("old", 2 * Block);
        _test.Fill("old", 1, 0, 2 * Block);
        _test.Create("new", 2 * Block);
        _test.Fill("new", 2, 0, 2 * Block);
        _test.Create("top", 2 * Block, "old");
        _test.Zero("top", 0, Block);

        await _test.Host.RebaseAsync(_test["top"], _test["new"], options: PullFolder.Options);

        Assert.Equal(ExtentKind.Zero, await _test.OwnAsync("top", 0));
        Assert.Equal((0, 1), (_test.Read("top")[0], _test.Read("top")[Block]));
    }

    [Theory]
    [InlineData(3 * Block, 8 * Block)]
    [InlineData(8 * Block, 3 * Block)]
    [InlineData((2 * Block) + 512, (3 * Block) + 1024)]
    [InlineData((3 * Block) + 1024, (2 * Block) + 512)]
    public async Task ShorterAndLongerParents_ReadZeroBeyondTheirEnd_BeforeAndAfter(long oldBytes, long newBytes)
    {
        _test.Create("old", oldBytes);
        _test.Fill("old", 1, 0, oldBytes);
        _test.Create("new", newBytes);
        _test.Fill("new", 2, 0, newBytes);
        _test.Create("top", (5 * Block) + 512, "old");
        byte[] expected = _test.Read("top");

        await _test.Host.RebaseAsync(_test["top"], _test["new"], options: PullFolder.Options);

        Assert.Equal(expected, _test.Read("top"));
    }

    [Fact]
    public async Task ShorterLevelBetween_HidesWhatIsLongerBeneath_AlsoAfterwards()
    {
        _test.Create("base", 4 * Block);
        _test.Fill("base", 1, 0, 4 * Block);
        _test.Create("short", Block, "base");
        _test.Create("top", 4 * Block, "short");

        // To the grandparent, whose end the short one hid.
        await _test.Host.RebaseAsync(_test["top"], _test["base"], options: PullFolder.Options);

        Assert.Equal([ExtentKind.Free, ExtentKind.Zero], [await _test.OwnAsync("top", 0), await _test.OwnAsync("top", Block)]);
        byte[] bytes = _test.Read("top");
        Assert.True(bytes[Block - 1] == 1 && !bytes.AsSpan(Block).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task DiskThatEndsInABlock_GetsZerosBehindItsEnd_SoThatItGrowsWithZeros()
    {
        _test.Create("base", 2 * Block);
        _test.Fill("base", 7, 0, 2 * Block);
        _test.Create("top", Block + 512, "base");

        await _test.Host.FlattenAsync(_test["top"], options: PullFolder.Options);

        // The block that was written last lies last in the file.
        byte[] file = File.ReadAllBytes(_test["top"]);
        Assert.True(file[^Block] == 7 && !file.AsSpan(file.Length - (Block - 512)).ContainsAnyExcept((byte)0));
        await _test.Host.ResizeAsync(_test["top"], 2 * Block);

        byte[] bytes = _test.Read("top");
        Assert.True(!bytes.AsSpan(0, Block + 512).ContainsAnyExcept((byte)7) && !bytes.AsSpan(Block + 512).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task BlocksLargerThanThoseOfTheParents_AreTakenInWhole()
    {
        _test.Create("base", 64 * Block, blockBytes: 512);
        _test.Fill("base", 3, 20 * Block, 512);
        _test.Fill("base", 4, (63 * Block) + 512, 512);
        _test.Create("top", 64 * Block, "base", 16 * Block);
        byte[] expected = _test.Read("top");

        OperationResult result = await _test.Host.FlattenAsync(_test["top"], options: PullFolder.Options);

        Assert.Equal(32 * Block, result.CopiedBytes);
        Assert.Equal(expected, _test.Read("top"));
    }

    [Fact]
    public async Task BlockThatIsPartlyTheSameInBoth_IsStillTakenInWhole_WhereTheRestDiffers()
    {
        // Both views have the first half from the same level; the second is zero in the old one and data in the new one.
        _test.Create("common", Block, blockBytes: 512);
        _test.Fill("common", 5, 0, Block / 2);
        _test.Create("new", Block, "common", 512);
        _test.Fill("new", 6, Block / 2, Block / 2);
        _test.Create("top", Block, "common");
        byte[] expected = _test.Read("top");

        await _test.Host.RebaseAsync(_test["top"], _test["new"], options: PullFolder.Options);

        Assert.Equal(expected, _test.Read("top"));
        Assert.Equal(ExtentKind.Data, await _test.OwnAsync("top", 0));
    }

    [Fact]
    public async Task RawParent_IsMarked_AndNeverGuessed()
    {
        File.WriteAllBytes(_test["new.raw"], new byte[2 * Block]);
        _test.Create("old", 2 * Block);
        _test.Fill("old", 1, 0, Block);
        _test.Create("top", 2 * Block, "old");

        ImageException guess = await Refusal(() => _test.Host.RebaseAsync(_test["top"], _test["new.raw"], options: PullFolder.Options));
        Assert.Contains("-F", guess.Message, StringComparison.Ordinal);
        Assert.Equal(("old", null), await _test.ParentOfAsync("top"));

        await _test.Host.RebaseAsync(_test["top"], _test["new.raw"], new RebaseOptions { ParentFormat = "raw" }, PullFolder.Options);
        Assert.Equal(("new.raw", "raw"), await _test.ParentOfAsync("top"));
        Assert.Equal((1, 0), (_test.Read("top")[0], _test.Read("top")[Block]));
    }

    [Fact]
    public async Task SecondRun_FindsNothingMoreToCopy()
    {
        _test.Create("old", 8 * Block);
        _test.Fill("old", 1, 0, 8 * Block);
        _test.Create("new", 8 * Block);
        _test.Create("top", 8 * Block, "old");
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await _test.Host.RebaseAsync(_test["top"], _test["new"], null, PullFolder.Options, new Now(_ => cancel.Cancel()), cancel.Token));
        Assert.Equal(("old", null), await _test.ParentOfAsync("top"));
        Assert.Equal(ExtentKind.Data, await _test.OwnAsync("top", 0));

        OperationResult rerun = await _test.Host.RebaseAsync(_test["top"], _test["new"], options: PullFolder.Options);
        Assert.Equal(0, rerun.CopiedBytes);
        Assert.Equal(1, _test.Read("top")[^1]);
    }

    [Fact]
    public async Task Progress_GoesUpToTheSizeOfTheDisk_InLongDisksWithoutAnythingToo()
    {
        _test.Create("base", 300L << 20, blockBytes: 1 << 20);
        _test.Create("top", 300L << 20, "base", 512);
        var told = new ConcurrentQueue<OperationProgress>();

        await _test.Host.FlattenAsync(_test["top"], null, PullFolder.Options, new Now(told.Enqueue));

        Assert.Equal(300L << 20, told.Last().DoneBytes);
        Assert.All(told, each => Assert.Equal(300L << 20, each.TotalBytes));
    }

    private static async Task<ImageException> Refusal(Func<ValueTask<OperationResult>> action) => await Assert.ThrowsAsync<ImageException>(async () => await action());
}
