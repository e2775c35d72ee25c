using QedVd.TestKit;
using Xunit;

namespace QedVd.Conformance;

/// <content>Map, TryMap, and what they have to do with reading.</content>
public abstract partial class BackendConformance
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Map_TilesTheDisk_AndSaysWhatReadingGives(bool isAsync)
    {
        SimulatedFile file = await NewFileWithDataAsync(CanHaveParent);
        using IDiskImage image = Open(file);
        var io = new ImageIo(isAsync);
        byte[] parent = CanHaveParent ? Pattern(9, image.VirtualSizeBytes) : [];
        ReferenceDisk disk = Disk(image, isAsync, parent);
        byte[] content = await disk.ReadAllAsync();
        for (long offset = 0; offset < image.VirtualSizeBytes;)
        {
            Extent extent = await io.MapAsync(image, offset, image.VirtualSizeBytes - offset);
            Assert.True(extent.LengthBytes >= 1 && offset + extent.LengthBytes <= image.VirtualSizeBytes, $"{extent} at {offset}");
            await CheckExtentAsync(file, disk, content, offset, extent);

            // From the middle of a run, the rest of it or less.
            long middle = extent.LengthBytes / 2 / image.Limits.AlignmentBytes * image.Limits.AlignmentBytes;
            if (middle > 0)
            {
                Extent rest = await io.MapAsync(image, offset + middle, image.VirtualSizeBytes - offset - middle);
                Assert.Equal((extent.Kind, extent.IsAllocated), (rest.Kind, rest.IsAllocated));
                Assert.Equal(extent.StorageOffset < 0 ? -1 : extent.StorageOffset + middle, rest.StorageOffset);
            }

            offset += extent.LengthBytes;
        }
    }

    [Fact]
    public async Task Map_AnswersNoMoreThanWasAskedFor()
    {
        using IDiskImage image = Open(await NewFileWithDataAsync());
        long unit = Units(image, 1);
        Assert.Equal(unit, image.Map(0, unit).LengthBytes);
        Assert.Equal(unit, (await image.MapAsync(image.VirtualSizeBytes - unit, unit)).LengthBytes);
    }

    [Fact]
    public async Task TryMap_AgreesWithMap_WhereItAnswers()
    {
        using IDiskImage image = Open(await NewFileWithDataAsync(CanHaveParent));
        long step = Units(image, 1);
        await Disk(image).ReadAsync(0, (int)Math.Min(image.VirtualSizeBytes, 1 << 20));
        for (long offset = 0; offset < image.VirtualSizeBytes; offset += step)
        {
            long length = image.VirtualSizeBytes - offset;
            if (!image.TryMap(offset, length, out Extent quick))
            {
                continue;
            }

            Extent full = image.Map(offset, length);
            Assert.True(quick.LengthBytes >= 1 && quick.LengthBytes <= length, $"{quick} at {offset}");
            Assert.True(
                quick.Kind == full.Kind || (quick.Kind == ExtentKind.Data && full is { Kind: ExtentKind.Zero, IsAllocated: true }),
                $"at {offset}: TryMap says {quick}, Map says {full}");
            if (quick.Kind == ExtentKind.Data)
            {
                Assert.Equal(full.StorageOffset, quick.StorageOffset);
            }
        }
    }

    [Fact]
    public async Task TryMap_DoesNoInputOutput_AndAllocatesNothing()
    {
        SimulatedFile file = await NewFileWithDataAsync();
        using IDiskImage image = Open(file);
        await Disk(image).ReadAllAsync();
        long step = Units(image, 1);
        int reads = file.CountOf(StorageOperationKind.Read);

        Assert.Equal(0, Allocations.LeastOf(() =>
        {
            for (long offset = 0; offset < image.VirtualSizeBytes; offset += step)
            {
                image.TryMap(offset, image.VirtualSizeBytes - offset, out _);
            }
        }));
        Assert.Equal(reads, file.CountOf(StorageOperationKind.Read));
    }

    private async Task CheckExtentAsync(SimulatedFile file, ReferenceDisk disk, byte[] content, long offset, Extent extent)
    {
        int length = (int)extent.LengthBytes;
        ReadOnlyMemory<byte> expected = content.AsMemory((int)offset, length);
        switch (extent.Kind)
        {
            case ExtentKind.Zero:
                Assert.True(!expected.Span.ContainsAnyExcept((byte)0), $"{extent} at {offset} does not read as zero");
                break;
            case ExtentKind.Data:
                Assert.True(extent.IsAllocated, $"{extent} at {offset}: data has a place");
                if (extent.StorageOffset != Extent.NoOffset)
                {
                    // What a partial last block has beyond the end of the file reads as zero.
                    byte[] stored = new byte[length];
                    file.ReadBytes(extent.StorageOffset, length).CopyTo(stored, 0);
                    AssertSame(expected, stored, $"{extent} at {offset}, in the storage");
                }

                break;
            case ExtentKind.Free:
                Assert.False(extent.IsAllocated, $"{extent} at {offset}: what is free has no place");
                byte[] again = await Disk(disk.Image, parent: []).ReadAsync(offset, length);
                Assert.True(!again.AsSpan().ContainsAnyExcept((byte)0), $"{extent} at {offset}: reading does not answer free");
                break;
            default:
                Assert.Fail($"{extent} at {offset}");
                break;
        }
    }
}
