namespace QedVd.Host.Tests.Chains;

public sealed class CopyOnWriteTests
{
    private const int Block = 4096;

    [Fact]
    public void Write_PartOfAFreeBlock_CopiesTheRestUp()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));

        disk.Write(Block + 10, [1, 2, 3]);

        byte[] expected = [.. Enumerable.Repeat((byte)9, 4 * Block)];
        ((byte[])[1, 2, 3]).CopyTo(expected, Block + 10);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
        Assert.Equal([ExtentKind.Free, ExtentKind.Data, ExtentKind.Free], Kinds(top, 3));
    }

    [Fact]
    public void Write_LastBlockBeyondTheDisksEnd_WritesAWholeBlockWithZeros()
    {
        BlockImage top = new("top", Block + 100, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 2 * Block, Block, 9));

        disk.Write(Block + 50, new byte[50]);

        byte[] block = new byte[Block];
        top.Read(Block, block.AsSpan(0, 100));
        Assert.Equal(50, block.AsSpan(0, 100).IndexOfAnyExcept((byte)9));
        Assert.Equal(ExtentKind.Data, top.KindOf(Block));
    }

    [Fact]
    public void Write_OverNothing_IsNotAskedTwice()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top);

        disk.Write(10, [1]);

        Assert.Equal(1, top.WriteCount);
    }

    [Fact]
    public void Write_BeyondTheParentsLastBlock_LeavesTheRestToTheImage()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", Block + 1, Block, 9));

        disk.Write((2 * Block) + 10, [1]);
        int direct = top.WriteCount;
        disk.Write(Block + 10, [1]);

        Assert.Equal(1, direct);
        Assert.Equal(9, TestDisks.ReadAll(disk)[Block]);
    }

    [Fact]
    public void Write_SameAsTheParent_AllocatesNothing()
    {
        BlockImage top = new("top", 8 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 8 * Block, Block, 9));
        byte[] same = [.. Enumerable.Repeat((byte)9, 6 * Block)];
        same[(3 * Block) - 1] = 1;

        disk.Write(100, same);

        Assert.Equal([ExtentKind.Free, ExtentKind.Free, ExtentKind.Free, ExtentKind.Data, ExtentKind.Free], Kinds(top, 5));
        byte[] expected = [.. Enumerable.Repeat((byte)9, 8 * Block)];
        expected[100 + (3 * Block) - 1] = 1;
        Assert.Equal(expected, TestDisks.ReadAll(disk));
    }

    [Fact]
    public void Write_SameAsTheParent_WithHonorSame_IsWritten()
    {
        BlockImage top = new("top", 4 * Block, Block) { InitialFlags = ImageOpenFlags.HonorSame };
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));

        disk.Write(0, Enumerable.Repeat((byte)9, (2 * Block) - 5).ToArray());

        Assert.Equal([ExtentKind.Data, ExtentKind.Data, ExtentKind.Free], Kinds(top, 3));
    }

    [Fact]
    public void Write_IntoAZeroBlock_DoesNotBringTheParentBack()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));
        disk.WriteZeroes(0, Block);

        disk.Write(100, [1]);

        byte[] bytes = TestDisks.ReadAll(disk);
        Assert.Equal(100, bytes.AsSpan(0, Block).IndexOfAnyExcept((byte)0));
        Assert.Equal(0, bytes.AsSpan(101, Block - 101).IndexOfAnyExcept((byte)0) + 1);
    }

    [Fact]
    public void WriteZeroes_OverAParent_MarksWholeBlocks_AndCopiesParts()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));

        disk.WriteZeroes(Block - 10, (2 * Block) + 20);

        Assert.Equal([ExtentKind.Data, ExtentKind.Zero, ExtentKind.Zero, ExtentKind.Data], Kinds(top, 4));
        byte[] expected = [.. Enumerable.Repeat((byte)9, 4 * Block)];
        expected.AsSpan(Block - 10, (2 * Block) + 20).Clear();
        Assert.Equal(expected, TestDisks.ReadAll(disk));
    }

    [Fact]
    public void WriteZeroes_UpToTheDisksEnd_MarksTheLastBlock()
    {
        BlockImage top = new("top", Block + 100, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));

        disk.WriteZeroes(0, disk.LengthBytes);

        Assert.Equal([ExtentKind.Zero, ExtentKind.Zero], Kinds(top, 2));
    }

    [Fact]
    public void WriteZeroes_PartThatReadsZeroAlready_AllocatesNothing()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 100, Block, 9));

        disk.WriteZeroes(200, 300);

        Assert.Equal(ExtentKind.Free, top.KindOf(0));
    }

    [Fact]
    public void WriteZeroes_FastOnlyOnAPartOverSomething_FailsAndChangesNothing()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));

        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => disk.WriteZeroes(0, Block + 1, WriteFlags.FastOnly)).Kind);
        Assert.Equal(-1, TestDisks.ReadAll(disk).AsSpan().IndexOfAnyExcept((byte)9));
    }

    [Fact]
    public void WriteZeroes_OverAParentGivenAsAnOpenDisk_StaysZero()
    {
        using VirtualDisk parent = TestDisks.Compose(TestDisks.Filled("base", 4 * Block, Block, 9));
        BlockImage top = new("top", 4 * Block, Block);
        using (VirtualDisk disk = TestDisks.Compose(top, DiskAsImage.Over(parent)))
        {
            disk.WriteZeroes(0, Block);
            disk.WriteZeroes((2 * Block) + 1, Block - 1);
        }

        using VirtualDisk again = TestDisks.Compose(top, DiskAsImage.Over(parent));
        byte[] expected = [.. Enumerable.Repeat((byte)9, 4 * Block)];
        expected.AsSpan(0, Block).Clear();
        expected.AsSpan((2 * Block) + 1, Block - 1).Clear();
        Assert.Equal(expected, TestDisks.ReadAll(again));
        Assert.Equal(Beneath.UpTo(4 * Block), top.ToldBeneath);
    }

    [Fact]
    public void Discard_LeavesEachByteAsBeforeOrZero()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));
        disk.Write(Block, Enumerable.Repeat((byte)5, Block).ToArray());

        disk.Discard(100, (3 * Block) - 100);

        byte[] bytes = TestDisks.ReadAll(disk);
        Assert.All(bytes[..Block], value => Assert.True(value is 0 or 9));
        Assert.All(bytes[Block..(2 * Block)], value => Assert.True(value is 0 or 5));
        Assert.Equal(-1, bytes.AsSpan(3 * Block).IndexOfAnyExcept((byte)9));
    }

    [Fact]
    public async Task Write_TwoPartsOfOneFreeBlock_AtTheSameTime_BothSurvive()
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));

        // The first has seen that the block is free and is about to allocate it when the second one comes.
        Task? second = null;
        top.OnWrite = flags =>
        {
            if ((flags & WriteFlags.NoAllocate) == 0 && second is null)
            {
                second = Task.Run(() => disk.Write(2000, [2]));
                Assert.False(second.Wait(50));
            }
        };
        disk.Write(100, [1]);
        await second!;

        byte[] bytes = TestDisks.ReadAll(disk);
        Assert.Equal((1, 2, 9), (bytes[100], bytes[2000], bytes[3000]));
    }

    [Fact]
    public void Write_BackendThatAnswersFreeForEver_IsAnError()
    {
        using VirtualDisk disk = TestDisks.Compose(new NeverAllocates(), TestDisks.Filled("base", 4 * Block, Block, 9));

        Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(() => disk.Write(0, [1])).Kind);
    }

    [Fact]
    public void Change_OfAReadOnlyDisk_IsRefused()
    {
        using VirtualDisk disk = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, new BlockImage("top", 4 * Block, Block));

        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => disk.Write(0, [1])).Kind);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => disk.WriteZeroes(0, 1)).Kind);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => disk.Discard(0, 1)).Kind);
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Write(0, [1], WriteFlags.NoAllocate));
    }

    private static IEnumerable<ExtentKind> Kinds(BlockImage image, int blocks) => Enumerable.Range(0, blocks).Select(i => image.KindOf(i * Block));

    private sealed class NeverAllocates() : DelegatingImage(new BlockImage("stubborn", 4 * Block, Block))
    {
        public override WriteResult Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None) =>
            WriteResult.Free(buffer.Length, offset % Block, (Block - ((offset + buffer.Length) % Block)) % Block);
    }
}
