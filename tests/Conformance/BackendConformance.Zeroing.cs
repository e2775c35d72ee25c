using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>Zeros and discards.</content>
public abstract partial class BackendConformance
{
    [Theory]
    [InlineData(false, WriteFlags.None)]
    [InlineData(true, WriteFlags.None)]
    [InlineData(false, WriteFlags.MayUnmap)]
    [InlineData(true, WriteFlags.MayUnmap)]
    public async Task WriteZeroes_MakesAnyRangeZero_AndNothingElse(bool isAsync, WriteFlags flags)
    {
        if (!CanWrite)
        {
            return;
        }

        var random = new Random(31);
        SimulatedFile file = NewFile();
        byte[] expected;
        using (IDiskImage image = Open(file))
        {
            long unit = Units(image, 1);
            expected = Pattern(1, image.VirtualSizeBytes);
            await Disk(image, isAsync).WriteAsync(0, expected);
            for (int round = 0; round < 40; round++)
            {
                int length = (int)(random.Next(1, round % 4 == 0 ? 700 : 60) * unit);
                int offset = (int)(random.NextInt64((image.VirtualSizeBytes - length) / unit) * unit);
                await Disk(image, isAsync).WriteZeroesAsync(offset, length, flags);
                expected.AsSpan(offset, length).Clear();
                if (round % 2 == 0)
                {
                    // Data into a part of what is zero now: the rest of the block stays zero.
                    byte[] data = Pattern(round, unit);
                    await Disk(image, isAsync).WriteAsync(offset, data);
                    data.CopyTo(expected, offset);
                }

                AssertSame(expected, await Disk(image, isAsync).ReadAllAsync(), $"round {round}, {length} bytes at {offset}");
            }
        }

        using IDiskImage again = Open(file, ImageOpenFlags.ReadOnly);
        AssertSame(expected, await Disk(again).ReadAllAsync(), "after reopening");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WriteZeroes_OfTheWholeDisk_IsLongerThanAnyChunk(bool isAsync)
    {
        if (!CanWrite)
        {
            return;
        }

        using IDiskImage image = Open(CreateFile(8 << 20, parent: null));
        await Disk(image, isAsync).WriteAsync(0, Pattern(1, image.VirtualSizeBytes));
        await Disk(image, isAsync).WriteZeroesAsync(0, image.VirtualSizeBytes);
        Assert.Equal(-1, (await Disk(image, isAsync).ReadAllAsync()).AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WriteZeroes_FastOnly_IsDone_OrRefusedWithoutAChange(bool isAsync)
    {
        if (!CanWrite)
        {
            return;
        }

        using IDiskImage image = Open(NewFileOfBlocks(4));
        byte[] expected = Pattern(1, image.VirtualSizeBytes);
        await Disk(image, isAsync).WriteAsync(0, expected);
        long block = Math.Max(image.Limits.BlockBytes, Units(image, 8));
        try
        {
            await Disk(image, isAsync).WriteZeroesAsync(block, block, WriteFlags.FastOnly | WriteFlags.MayUnmap);
            expected.AsSpan((int)block, (int)block).Clear();
        }
        catch (ImageException refusal)
        {
            Assert.Equal(ImageErrorKind.NotSupported, refusal.Kind);
        }

        AssertSame(expected, await Disk(image, isAsync).ReadAllAsync(), "afterwards");
    }

    [Fact]
    public async Task WriteZeroes_Claimed_NeedsNoRoomForZeros()
    {
        SimulatedFile file = CreateFile(8 << 20, parent: null);
        using IDiskImage image = Open(file);
        if (!image.Capabilities.HasFlag(ImageCapabilities.WriteZeroes))
        {
            return;
        }

        long before = image.GetFileSize().AllocatedBytes;
        await Disk(image).WriteZeroesAsync(0, image.VirtualSizeBytes, WriteFlags.MayUnmap);
        image.Flush();
        Assert.InRange(image.GetFileSize().AllocatedBytes, 0, before + (2 << 20));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WriteZeroes_AsTheOnlyChange_LeavesNothingBehind(bool isAsync)
    {
        if (!CanWrite || !Backend.Info.Capabilities.HasFlag(ImageCapabilities.Check))
        {
            return;
        }

        SimulatedFile file = NewFile(CanHaveParent);
        IDiskImage image = Open(file);
        await Disk(image, isAsync).WriteZeroesAsync(0, image.VirtualSizeBytes);
        await new ImageIo(isAsync).CloseAsync(image);
        using SimulatedStorage storage = file.Open();
        CheckReport report = await Backend.CheckAsync(storage, new CheckOptions());
        Assert.True(report.IsClean, string.Join('\n', report.Findings));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Discard_LeavesWhatWasThere_OrZeros_ForGood(bool isAsync)
    {
        if (!CanWrite)
        {
            return;
        }

        foreach (ImageOpenFlags flags in new[] { ImageOpenFlags.None, ImageOpenFlags.Discard })
        {
            SimulatedFile file = NewFile(CanHaveParent);
            byte[] expected;
            byte[] parent;
            using (IDiskImage image = Open(file, flags))
            {
                parent = CanHaveParent ? Pattern(9, image.VirtualSizeBytes) : [];
                ReferenceDisk disk = Disk(image, isAsync, parent);
                long unit = Units(image, 1);
                await disk.WriteAsync(0, Pattern(1, image.VirtualSizeBytes / 2 / unit * unit));
                byte[] before = await disk.ReadAllAsync();
                var random = new Random(41);
                for (int round = 0; round < 20; round++)
                {
                    int length = (int)(random.Next(1, 600) * unit);
                    int offset = (int)(random.NextInt64((image.VirtualSizeBytes - length) / unit) * unit);
                    await disk.DiscardAsync(offset, length);
                    byte[] now = await disk.ReadAllAsync();
                    string what = $"round {round}, {length} bytes at {offset}";
                    AssertOneOf(now.AsMemory(offset, length), before.AsMemory(offset, length), new byte[length], what);
                    now.AsSpan(offset, length).CopyTo(before.AsSpan(offset));
                    AssertSame(before, now, $"{what}: outside");
                }

                expected = before;
            }

            using IDiskImage again = Open(file, ImageOpenFlags.ReadOnly);
            AssertSame(expected, await Disk(again, isAsync, parent).ReadAllAsync(), "after reopening");
        }
    }

    [Fact]
    public async Task Discard_Claimed_GivesRoomBack()
    {
        using IDiskImage image = Open(NewFile(), ImageOpenFlags.Discard);
        if (!image.Capabilities.HasFlag(ImageCapabilities.Discard))
        {
            return;
        }

        await Disk(image).WriteAsync(0, Pattern(1, image.VirtualSizeBytes));
        image.Flush();
        long before = image.GetFileSize().AllocatedBytes;
        await Disk(image).DiscardAsync(0, image.VirtualSizeBytes);
        image.Flush();
        Assert.InRange(image.GetFileSize().AllocatedBytes, 0, before - (image.VirtualSizeBytes / 2));
    }
}
