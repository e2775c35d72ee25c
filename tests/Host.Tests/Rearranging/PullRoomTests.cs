using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

public sealed class PullRoomTests
{
    private const int Block = 4096;

    [Fact]
    public async Task Estimate_CountsTheBlocksThatMayHaveToBeTakenIn_WithoutReadingData()
    {
        // A block of the top is four of the parent's: data from the grandparent, in one of them, in two, in one that the top holds itself, and at the end.
        Level common = Of(TestDisks.Filled("common", 4 * Block, 512, 1));
        var parent = new BlockImage("parent", 32 * Block, Block);
        Write(parent, 5 * Block, 10);
        Write(parent, 9 * Block, 10);
        Write(parent, 11 * Block, 10);
        Write(parent, 17 * Block, 10);
        var top = new BlockImage("top", (24 * Block) + 512, 4 * Block);
        Write(top, 16 * Block, 4 * Block);
        Write(parent, 24 * Block, 10);
        Level[] chain = [Of(top), Of(parent), common];

        Assert.Equal(16 * Block, await PullRoom.EstimateBytesAsync(chain, 0, [], default));
        Assert.Equal(0, await PullRoom.EstimateBytesAsync(chain, 0, [chain[1], common], default));
        Assert.Equal(12 * Block, await PullRoom.EstimateBytesAsync(chain, 0, [common], default));
    }

    /// <summary>What lies above the level has no say; and zeros are marked, which takes no room.</summary>
    [Fact]
    public async Task Estimate_OfALevelBeneath_CountsWhatThatTakesIn_ButNoZeros()
    {
        var above = new BlockImage("above", 8 * Block, Block);
        above.WriteZeroes(0, 8 * Block);
        Level[] chain = [Of(above), Of(new BlockImage("level", 8 * Block, Block)), Of(TestDisks.Filled("base", 8 * Block, Block, 1))];

        Assert.Equal(8 * Block, await PullRoom.EstimateBytesAsync(chain, 1, [], default));
        Assert.Equal(0, await PullRoom.EstimateBytesAsync(chain[..2], 1, [chain[2]], default));
    }

    [Fact]
    public async Task Flatten_OfADiskLargerThanItsVolume_NeedsRoomOnlyForWhatItTakesIn()
    {
        using var test = new TestHost();
        long size = 1L << 50;
        string basePath = test.Qed("base.qed", size, clusterBytes: 1 << 20);
        using (VirtualDisk disk = test.Host.OpenDisk(basePath))
        {
            disk.Write(size - 512, [7]);
            disk.Close();
        }

        using VirtualDisk top = test.Host.OpenDisk(test.Qed("top.qed", size, "base.qed", clusterBytes: 1 << 20));
        Assert.True(new DriveInfo(test.Folder).AvailableFreeSpace < size);
        OperationResult result = await top.FlattenAsync(cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(1 << 20, result.CopiedBytes);
        byte[] one = new byte[1];
        top.Read(size - 512, one);
        Assert.Equal(7, one[0]);
    }

    private static void Write(BlockImage image, long offset, int lengthBytes)
    {
        VirtualDisk disk = TestDisks.Compose(image);
        disk.Write(offset, new byte[lengthBytes]);
        GC.SuppressFinalize(disk);
    }

    private static Level Of(IDiskImage image) => new() { Image = image, Path = image.Name, FormatId = image.Backend.Id };
}
