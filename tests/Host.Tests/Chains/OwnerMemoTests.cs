namespace QedVd.Host.Tests.Chains;

public sealed class OwnerMemoTests
{
    private const int Block = 4096;
    private const int Blocks = 16;

    [Fact]
    public void DeepChain_IsAskedLevelByLevel_OnlyTheFirstTime()
    {
        List<IDiskImage> images = [new CountingImage("top")];
        for (int i = 0; i < 20; i++)
        {
            images.Add(new CountingImage($"{i}"));
        }

        images.Add(TestDisks.Filled("base", Blocks * Block, Block, 7));
        using VirtualDisk disk = TestDisks.Compose(images);
        byte[] buffer = new byte[100];
        disk.Read(Block, buffer);
        int first = Asked(images);
        disk.Read(Block + 1000, buffer);

        Assert.True(first > 20, $"{first} questions");
        Assert.Equal(first + 1, Asked(images));
        Assert.Equal(7, buffer[0]);
    }

    [Fact]
    public void DeepChain_OfLevelsThatHoldNothing_IsNotAskedAgainForTheNextBlock()
    {
        List<IDiskImage> images = [new CountingImage("top")];
        for (int i = 0; i < 20; i++)
        {
            images.Add(new CountingImage($"{i}"));
        }

        images.Add(TestDisks.Filled("base", Blocks * Block, Block, 7));
        using VirtualDisk disk = TestDisks.Compose(images);
        byte[] buffer = new byte[100];
        disk.Read(Block, buffer);
        int first = Asked(images);
        disk.Read(5 * Block, buffer);

        Assert.Equal(first + 1, Asked(images));
        Assert.Equal(7, buffer[0]);
    }

    [Fact]
    public void DeepChain_WhereALevelHoldsTheNextBlock_ReadsItFromThere()
    {
        var middle = new BlockImage("middle", Blocks * Block, Block);
        middle.Write(5 * Block, new byte[Block]);
        middle.Write((5 * Block) + 1, [9]);
        using VirtualDisk disk = TestDisks.Compose(
            new BlockImage("top", Blocks * Block, Block), new BlockImage("a", Blocks * Block, Block), middle,
            new BlockImage("b", Blocks * Block, Block), TestDisks.Filled("base", Blocks * Block, Block, 7));
        byte[] two = new byte[2];

        foreach (int block in (int[])[1, 5, 6, 5])
        {
            disk.Read(block * Block, two);
            Assert.Equal(block == 5 ? [0, 9] : [7, 7], two);
        }
    }

    [Fact]
    public void Memo_DoesNotHideWhatTheTopGetsLater()
    {
        using VirtualDisk disk = TestDisks.Compose(
            new BlockImage("top", Blocks * Block, Block), new BlockImage("a", Blocks * Block, Block), new BlockImage("b", Blocks * Block, Block),
            new BlockImage("c", Blocks * Block, Block), TestDisks.Filled("base", Blocks * Block, Block, 7));
        byte[] one = new byte[1];
        disk.Read(Block, one);
        disk.Write(Block, [1]);
        disk.Read(Block, one);
        Assert.Equal(1, one[0]);

        disk.WriteZeroes(0, 2 * Block);
        disk.Read(Block, one);
        Assert.Equal(0, one[0]);
    }

    [Fact]
    public void Memo_KeepsTheEndOfAShortMiddleLevel()
    {
        using VirtualDisk disk = TestDisks.Compose(
            new BlockImage("top", Blocks * Block, Block), new BlockImage("a", Blocks * Block, Block), new BlockImage("b", (2 * Block) + 100, Block),
            new BlockImage("c", Blocks * Block, Block), TestDisks.Filled("base", Blocks * Block, Block, 7));

        for (int i = 0; i < 2; i++)
        {
            byte[] bytes = TestDisks.ReadAll(disk);
            Assert.Equal((2 * Block) + 100, bytes.AsSpan().IndexOfAnyExcept((byte)7));
            Assert.Equal(-1, bytes.AsSpan((2 * Block) + 100).IndexOfAnyExcept((byte)0));
        }
    }

    [Fact]
    public void WritableParentDisk_IsNeverRemembered()
    {
        using VirtualDisk parent = TestDisks.Compose(new BlockImage("parent", Blocks * Block, Block));
        var levels = new List<Level>();
        foreach (string name in (string[])["top", "a", "b", "c"])
        {
            levels.Add(new Level { Image = new BlockImage(name, Blocks * Block, Block), Path = name, FormatId = "blocks" });
        }

        levels.Add(new Level { Image = DiskAsImage.Over(parent), Path = "parent", FormatId = DiskAsImage.FormatId, IsMutable = true });
        var generation = new Generation(levels);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        using var disk = new VirtualDisk(generation, new DiskOpenOptions(), host: null, number: 0, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        byte[] one = new byte[1];

        disk.Read(5, one);
        parent.Write(5, [3]);
        disk.Read(5, one);

        Assert.Equal(3, one[0]);
        Assert.True(generation.HonorSame);
    }

    private static int Asked(List<IDiskImage> images) => images.OfType<CountingImage>().Sum(image => image.Asked);

    private sealed class CountingImage(string name) : DelegatingImage(new BlockImage(name, Blocks * Block, Block))
    {
        public int Asked { get; private set; }

        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            Asked++;
            return base.TryMap(offset, lengthBytes, out extent);
        }
    }
}
