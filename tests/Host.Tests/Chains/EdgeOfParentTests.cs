namespace QedVd.Host.Tests.Chains;

/// <summary>Requests that begin in a block over the parent and end in one beyond the parent's end, which others allocate without the growth lock.</summary>
public sealed class EdgeOfParentTests
{
    private const int Block = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Change_AcrossTheParentsEnd_KeepsWhatAnotherWritesBeyondIt(bool isZero)
    {
        BlockImage top = new("top", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", Block, Block, 9));

        // Others write into the block beyond the parent's end whenever this one is about to allocate something.
        byte count = 0;
        bool isInside = false;
        top.OnWrite = flags =>
        {
            if ((flags & WriteFlags.NoAllocate) == 0 && !isInside)
            {
                isInside = true;
                disk.Write(Block + 2000 + count, [++count]);
                isInside = false;
            }
        };
        if (isZero)
        {
            disk.WriteZeroes(Block - 10, 20);
        }
        else
        {
            disk.Write(Block - 10, Enumerable.Repeat((byte)7, 20).ToArray());
        }

        byte[] bytes = TestDisks.ReadAll(disk);
        Assert.InRange(count, (byte)1, (byte)10);
        Assert.Equal(Enumerable.Range(1, count).Select(i => (byte)i), bytes[(Block + 2000)..(Block + 2000 + count)]);
        Assert.Equal(Enumerable.Repeat(isZero ? (byte)0 : (byte)7, 20), bytes[(Block - 10)..(Block + 10)]);
        Assert.Equal(9, bytes[Block - 11]);
    }
}
