using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>Writing where nothing lies beneath.</content>
public abstract partial class BackendConformance
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Write_ThenRead_GivesTheSameBytes_AndTheRestZero(bool isAsync)
    {
        if (!CanWrite)
        {
            return;
        }

        long block;
        using (IDiskImage probe = Open(NewFile()))
        {
            block = Math.Max(probe.Limits.BlockBytes, Units(probe, 8));
        }

        long[] offsets = [0, block - 512, block, (3 * block) + 1024, DiskBytes - 512];
        long[] lengths = [512, 1024, block, block + 512, 3 * block];
        foreach (long offset in offsets)
        {
            foreach (long length in lengths)
            {
                using IDiskImage image = Open(NewFile());
                if (offset < 0 || offset + length > image.VirtualSizeBytes || offset % image.Limits.AlignmentBytes != 0 || length % image.Limits.AlignmentBytes != 0)
                {
                    continue;
                }

                byte[] expected = new byte[image.VirtualSizeBytes];
                Pattern(2, length).CopyTo(expected, offset);
                await Disk(image, isAsync).WriteAsync(offset, Pattern(2, length));
                AssertSame(expected, await Disk(image, isAsync).ReadAllAsync(), $"after {length} bytes at {offset}");
            }
        }
    }

    [Fact]
    public async Task Write_InOneForm_IsReadInTheOther()
    {
        if (!CanWrite)
        {
            return;
        }

        using IDiskImage image = Open(NewFile());
        byte[] expected = Pattern(5, image.VirtualSizeBytes);
        long half = image.VirtualSizeBytes / 2 / Units(image, 1) * Units(image, 1);
        await Disk(image, isAsync: false).WriteAsync(0, expected.AsMemory(0, (int)half));
        await Disk(image, isAsync: true).WriteAsync(half, expected.AsMemory((int)half));
        AssertSame(expected, await Disk(image, isAsync: true).ReadAllAsync(), "asynchronous");
        AssertSame(expected, await Disk(image, isAsync: false).ReadAllAsync(), "synchronous");
    }

    [Fact]
    public async Task BothForms_AnswerTheSame()
    {
        if (!CanWrite)
        {
            return;
        }

        SimulatedFile slow = NewFile(CanHaveParent);
        slow.CompletesInline = false;
        using IDiskImage one = Open(NewFile(CanHaveParent));
        using IDiskImage two = Open(slow);
        var sync = new ImageIo(isAsync: false);
        var async = new ImageIo(isAsync: true);
        var random = new Random(21);
        long unit = Units(one, 1);
        byte[] data = Pattern(6, 40 * unit);
        for (int step = 0; step < 300; step++)
        {
            int length = (int)(random.Next(1, 40) * unit);
            long offset = random.NextInt64((one.VirtualSizeBytes - length) / unit) * unit;
            switch (random.Next(4))
            {
                case 0:
                    Assert.Equal(await sync.WriteAsync(one, offset, data.AsMemory(0, length)), await async.WriteAsync(two, offset, data.AsMemory(0, length)));
                    break;
                case 1:
                    Assert.Equal(await sync.WriteZeroesAsync(one, offset, length), await async.WriteZeroesAsync(two, offset, length));
                    break;
                case 2:
                    Assert.Equal(await sync.ReadAsync(one, offset, new byte[length]), await async.ReadAsync(two, offset, new byte[length]));
                    break;
                default:
                    Extent here = await sync.MapAsync(one, offset, length);
                    Extent there = await async.MapAsync(two, offset, length);
                    Assert.Equal((here.Kind, here.LengthBytes, here.IsAllocated), (there.Kind, there.LengthBytes, there.IsAllocated));
                    break;
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Write_OfAWholeBlockThatEndsBeyondTheDisk_IsTaken(bool isAsync)
    {
        if (!CanWrite)
        {
            return;
        }

        SimulatedFile file = NewFile(CanHaveParent);
        byte[] expected;
        using (IDiskImage image = Open(file))
        {
            long block = image.Limits.BlockBytes;
            long start = (image.VirtualSizeBytes - 1) / block * block;
            byte[] data = Pattern(7, block);
            expected = data[..(int)(image.VirtualSizeBytes - start)];
            var io = new ImageIo(isAsync);
            for (int done = 0; done < data.Length;)
            {
                WriteResult result = await io.WriteAsync(image, start + done, data.AsMemory(done));
                Assert.False(result.IsFree, result.ToString());
                done += (int)result.LengthBytes;
            }

            AssertSame(expected, await Disk(image, isAsync).ReadAsync(start, expected.Length), "the last block");
        }

        using IDiskImage again = Open(file, ImageOpenFlags.ReadOnly);
        AssertSame(expected, await Disk(again).ReadAsync(again.VirtualSizeBytes - expected.Length, expected.Length), "the last block after reopening");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Write_PartOfAFreeBlock_WithNothingBeneath_IsTaken(bool isAsync)
    {
        if (!CanWrite)
        {
            return;
        }

        using IDiskImage image = Open(NewFile());
        long unit = Units(image, 1);
        WriteResult result = await new ImageIo(isAsync).WriteAsync(image, unit, Pattern(1, unit));
        Assert.Equal(WriteResult.Done(unit), result);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Write_NoAllocate_ChangesOnlyWhatIsAllocated(bool isAsync)
    {
        if (!CanWrite)
        {
            return;
        }

        SimulatedFile file = NewFile();
        using IDiskImage image = Open(file);
        var io = new ImageIo(isAsync);
        long unit = Units(image, 1);
        Extent before = image.Map(0, unit);
        string hash = file.ComputeHash();
        WriteResult result = await io.WriteAsync(image, 0, Pattern(1, unit), WriteFlags.NoAllocate);
        if (!before.IsAllocated && before.Kind == ExtentKind.Free)
        {
            Assert.True(result.IsFree, $"{before} and {result}");
            Disk(image).CheckAnswer(result, 0, unit);
            Assert.Equal(hash, file.ComputeHash());
            Assert.Equal(ExtentKind.Free, image.Map(0, unit).Kind);
        }

        await Disk(image, isAsync).WriteAsync(0, Pattern(1, unit));
        Assert.Equal(WriteResult.Done(unit), await io.WriteAsync(image, 0, Pattern(2, unit), WriteFlags.NoAllocate));
        AssertSame(Pattern(2, unit), await Disk(image, isAsync).ReadAsync(0, (int)unit), "written in place");
    }

    [Fact]
    public async Task Write_Again_ChangesInPlace()
    {
        if (!CanWrite)
        {
            return;
        }

        SimulatedFile file = NewFile();
        using IDiskImage image = Open(file);
        await Disk(image).WriteAsync(0, Pattern(1, image.VirtualSizeBytes));
        image.Flush();
        long length = file.LengthBytes;
        Extent place = image.Map(0, Units(image, 1));
        await Disk(image).WriteAsync(0, Pattern(2, image.VirtualSizeBytes));
        image.Flush();
        Assert.Equal(place, image.Map(0, Units(image, 1)));
        Assert.Equal(length, file.LengthBytes);
        AssertSame(Pattern(2, image.VirtualSizeBytes), await Disk(image).ReadAllAsync(), "after the second write");
    }

    [Theory]
    [InlineData(ImageErrorKind.OutOfSpace, 0)]
    [InlineData(ImageErrorKind.OutOfSpace, 100)]
    [InlineData(ImageErrorKind.Io, 0)]
    public async Task Write_ThatFails_ChangesNothingElse_AndCanBeTriedAgain(ImageErrorKind error, int partialBytes)
    {
        if (!CanWrite)
        {
            return;
        }

        SimulatedFile sound = NewFileOfBlocks(4);
        foreach (StorageOperationKind kind in new[] { StorageOperationKind.Write, StorageOperationKind.SetLength, StorageOperationKind.Allocate })
        {
            for (int nth = 1; nth <= 4; nth++)
            {
                SimulatedFile file = sound.Copy();
                using IDiskImage image = Open(file);
                long block = Math.Max(image.Limits.BlockBytes, Units(image, 8));
                byte[] expected = new byte[image.VirtualSizeBytes];
                Pattern(1, block).CopyTo(expected, 0);
                await Disk(image).WriteAsync(0, Pattern(1, block));

                StorageFault fault = file.Fail(new StorageFault { Kind = kind, Nth = nth, Error = error, IsSticky = true, PartialBytes = partialBytes });
                bool hasFailed = false;
                byte[] data = Pattern(2, 2 * block);
                try
                {
                    await Disk(image).WriteAsync(block + Units(image, 1), data);
                    image.Flush();
                }
                catch (ImageException failure)
                {
                    hasFailed = true;
                    Assert.Equal(error, failure.Kind);
                }

                Assert.True(!hasFailed || fault.Hits > 0);
                file.ClearFaults();

                // Its own range holds old bytes, new bytes or a mixture; everything else is as it was.
                byte[] now = await Disk(image).ReadAllAsync();
                int start = (int)(block + Units(image, 1));
                AssertOneOf(now.AsMemory(start, data.Length), new byte[data.Length], data, $"{kind} {nth}: inside the failed write");
                data.CopyTo(now, start);
                data.CopyTo(expected, start);
                AssertSame(expected, now, $"{kind} {nth}: outside the failed write");

                await Disk(image).WriteAsync(start, data);
                image.Flush();
                AssertSame(expected, await Disk(image).ReadAllAsync(), $"{kind} {nth}: after trying again");
                image.Close();
                using IDiskImage again = Open(file);
                AssertSame(expected, await Disk(again).ReadAllAsync(), $"{kind} {nth}: after reopening");
            }
        }
    }
}
