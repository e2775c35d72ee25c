using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>Images over something: what is free, and who supplies the rest of a block.</content>
public abstract partial class BackendConformance
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Free_IsAnsweredWithPreAndPost_AndChangesNothing(bool isAsync)
    {
        if (!CanWrite || !CanHaveParent)
        {
            return;
        }

        SimulatedFile file = NewFile(withParent: true);
        using IDiskImage image = Open(file);
        var io = new ImageIo(isAsync);
        int unit = (int)Units(image, 1);
        long block = image.Limits.BlockBytes;
        if (block < 2 * unit)
        {
            return;
        }

        string hash = file.ComputeHash();
        byte[] data = Pattern(1, 2 * block);
        Assert.Equal(new ReadResult(ExtentKind.Free, unit), await io.ReadAsync(image, unit, new byte[unit]));
        Assert.Equal(WriteResult.Free(unit, unit, block - (2 * unit)), await io.WriteAsync(image, unit, data.AsMemory(0, unit)));
        Assert.Equal(WriteResult.Free(unit, 0, block - unit), await io.WriteZeroesAsync(image, 0, unit));
        long pre = (image.VirtualSizeBytes - unit) % block;
        if (pre > 0)
        {
            // The post amount reaches beyond the disk's end. (A write of all that the disk has of its last block may count as a whole one.)
            WriteResult tail = await io.WriteAsync(image, image.VirtualSizeBytes - unit, data.AsMemory(0, unit));
            Assert.Equal(WriteResult.Free(unit, pre, block - pre - unit), tail);
        }

        Assert.Equal(hash, file.ComputeHash());
        Assert.Equal(ExtentKind.Free, image.Map(0, image.VirtualSizeBytes).Kind);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Host_WithTheRestOfTheBlock_KeepsTheParentsBytes(bool isAsync)
    {
        if (!CanWrite || !CanHaveParent)
        {
            return;
        }

        var random = new Random(51);
        foreach (long parentBytes in new[] { DiskBytes, DiskBytes / 2, DiskBytes + 5000, 0L })
        {
            SimulatedFile file = NewFile(withParent: true);
            byte[] parent = Pattern(9, parentBytes);
            byte[] expected;
            using (IDiskImage image = Open(file))
            {
                ReferenceDisk disk = Disk(image, isAsync, parent);
                long unit = Units(image, 1);
                expected = new byte[image.VirtualSizeBytes];
                parent.AsSpan(0, Math.Min(parent.Length, expected.Length)).CopyTo(expected);
                for (int round = 0; round < 30; round++)
                {
                    int length = (int)(random.Next(1, 90) * unit);
                    int offset = (int)(random.NextInt64((image.VirtualSizeBytes - length) / unit) * unit);
                    byte[] data = round % 3 == 0 ? new byte[length] : Pattern(round, length);
                    await (round % 3 == 0 ? disk.WriteZeroesAsync(offset, length) : disk.WriteAsync(offset, data));
                    data.CopyTo(expected, offset);
                    AssertSame(expected, await disk.ReadAllAsync(), $"parent of {parentBytes}, round {round}, {length} bytes at {offset}");
                }
            }

            using IDiskImage again = Open(file, ImageOpenFlags.ReadOnly);
            AssertSame(expected, await Disk(again, isAsync, parent).ReadAllAsync(), $"parent of {parentBytes}, after reopening");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Zeros_OverAParent_StayZero(bool isAsync)
    {
        if (!CanWrite || !CanHaveParent)
        {
            return;
        }

        SimulatedFile file = NewFile(withParent: true);
        byte[] parent = Pattern(9, DiskBytes);
        using (IDiskImage image = Open(file))
        {
            await Disk(image, isAsync, parent).WriteZeroesAsync(0, image.VirtualSizeBytes);
        }

        using IDiskImage again = Open(file);
        byte[] content = await Disk(again, isAsync, parent).ReadAllAsync();
        Assert.Equal(-1, content.AsSpan().IndexOfAnyExcept((byte)0));

        // A part of a block that is zero gets data; the parent's bytes stay hidden.
        long unit = Units(again, 1);
        await Disk(again, isAsync, parent).WriteAsync(unit, Pattern(1, unit));
        Pattern(1, unit).CopyTo(content, unit);
        AssertSame(content, await Disk(again, isAsync, parent).ReadAllAsync(), "after a write into a zero block");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SetBeneath_Nothing_LetsPartsOfBlocksBeAllocated(bool isAsync)
    {
        if (!CanWrite || !CanHaveParent)
        {
            return;
        }

        using IDiskImage image = Open(NewFile(withParent: true));
        var io = new ImageIo(isAsync);
        long unit = Units(image, 1);
        if (image.Limits.BlockBytes < 2 * unit)
        {
            return;
        }

        Assert.True((await io.WriteAsync(image, unit, Pattern(1, unit))).IsFree, "unknown until told");
        await io.SetBeneathAsync(image, Beneath.Nothing);
        Assert.Equal(WriteResult.Done(unit), await io.WriteAsync(image, unit, Pattern(1, unit)));
        byte[] expected = new byte[image.VirtualSizeBytes];
        Pattern(1, unit).CopyTo(expected, unit);
        AssertSame(expected, await Disk(image, isAsync).ReadAllAsync(), "over nothing");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SetBeneath_UpTo_LetsPartsOfBlocksBeAllocatedBeyondOnly(bool isAsync)
    {
        if (!CanWrite || !CanHaveParent)
        {
            return;
        }

        using IDiskImage image = Open(NewFileOfBlocks(5, withParent: true));
        var io = new ImageIo(isAsync);
        long unit = Units(image, 1);
        long block = image.Limits.BlockBytes;
        if (block < 2 * unit)
        {
            return;
        }

        await io.SetBeneathAsync(image, Beneath.UpTo((2 * block) + unit));
        Assert.True((await io.WriteAsync(image, unit, Pattern(1, unit))).IsFree, "below the length");
        Assert.True((await io.WriteAsync(image, (2 * block) + unit, Pattern(1, unit))).IsFree, "in the block that the length ends in");
        Assert.Equal(WriteResult.Done(unit), await io.WriteAsync(image, (3 * block) + unit, Pattern(1, unit)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SetBeneath_OnAnImageWithoutAParent_IsTaken_AndZerosLast(bool isAsync)
    {
        if (!CanWrite || !CanHaveParent)
        {
            return;
        }

        // A parent given as an open disk: the image does not name it, and zeros must hide it all the same.
        using IDiskImage image = Open(NewFile());
        var io = new ImageIo(isAsync);
        await io.SetBeneathAsync(image, Beneath.UpTo(image.VirtualSizeBytes));
        byte[] parent = Pattern(9, image.VirtualSizeBytes);
        ReferenceDisk disk = Disk(image, isAsync, parent);
        AssertSame(parent, await disk.ReadAllAsync(), "before");
        await disk.WriteZeroesAsync(0, image.VirtualSizeBytes);
        Assert.Equal(-1, (await disk.ReadAllAsync()).AsSpan().IndexOfAnyExcept((byte)0));
    }
}
