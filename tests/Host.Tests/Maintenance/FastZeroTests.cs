using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

/// <summary>
/// What is said to be fast writes no data, and what is not said so is refused with nothing changed: over images with free, zero and data blocks, over parents
/// with holes, on storages that punch and that do not.
/// </summary>
public sealed class FastZeroTests
{
    private const int Block = 4096;
    private const int Size = 16 * Block;

    public enum Format
    {
        Qed,
        QedWithoutHoles,
        Raw,
        RawWithoutHoles,
        TestBlocks,
        BlocksThatPromiseNothing,
    }

    public static TheoryData<Format, bool, bool> Layouts
    {
        get
        {
            var layouts = new TheoryData<Format, bool, bool>();
            foreach (Format format in Enum.GetValues<Format>())
            {
                layouts.Add(format, false, false);
                if (format is not (Format.Raw or Format.RawWithoutHoles))
                {
                    layouts.Add(format, true, false);
                    layouts.Add(format, true, true);
                }
            }

            return layouts;
        }
    }

    [Theory, MemberData(nameof(Layouts))]
    public async Task Answer_IsWhatTheRequestDoes(Format format, bool isOver, bool honorSame)
    {
        var random = new Random((int)LongRun.Seed());
        for (int round = 0; round < 120; round++)
        {
            await CheckAsync(format, isOver, honorSame, random);
        }
    }

    [Fact]
    public void CanZeroFast_OfAReadOnlyDisk_IsFalse_AndRangesAreChecked()
    {
        using VirtualDisk disk = new SimulatedChain(Size).Open(readOnly: true);
        Assert.False(disk.CanZeroFast(0, Block));
        Assert.False(disk.Limits.CanZeroFast);
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.CanZeroFast(Size, 1));
    }

    [Theory]
    [InlineData(Format.Qed, true)]
    [InlineData(Format.QedWithoutHoles, false)]
    [InlineData(Format.Raw, true)]
    [InlineData(Format.RawWithoutHoles, false)]
    [InlineData(Format.TestBlocks, true)]
    [InlineData(Format.BlocksThatPromiseNothing, false)]
    public void Limits_SayWhetherWholeBlocksAreAlwaysFast(Format format, bool expected)
    {
        using VirtualDisk disk = TestDisks.Compose(Open(format, honorSame: false).Image);
        Assert.Equal(expected, disk.Limits.CanZeroFast);
    }

    private static async Task CheckAsync(Format format, bool isOver, bool honorSame, Random random)
    {
        (IDiskImage image, SimulatedFile? file) = Open(format, honorSame);
        IDiskImage[] images = isOver ? [image, Parent()] : [image];
        using VirtualDisk disk = TestDisks.Compose(images);
        byte[] ones = new byte[Block];
        ones.AsSpan().Fill(1);
        for (int block = 0; block < Size / Block; block++)
        {
            switch (random.Next(3))
            {
                case 0:
                    disk.Write(block * Block, ones);
                    break;
                case 1:
                    disk.WriteZeroes(block * Block, Block);
                    break;
                default:
                    break;
            }
        }

        disk.Flush();
        byte[] expected = TestDisks.ReadAll(disk);
        int offset = random.Next(Size / 512) * 512;
        int length = random.Next(1, (Math.Min(Size - offset, 4 * Block) / 512) + 1) * 512;
        string where = $"{format}, {length} bytes at {offset}, over {isOver}, honour same {honorSame}";

        bool answer = random.Next(2) == 0 ? disk.CanZeroFast(offset, length) : await disk.CanZeroFastAsync(offset, length);
        int traced = file?.Trace.Count ?? 0;
        bool isDone = true;
        try
        {
            await disk.WriteZeroesAsync(offset, length, WriteFlags.FastOnly);
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.NotSupported)
        {
            isDone = false;
        }

        Assert.True(answer == isDone, where);
        if (isDone)
        {
            expected.AsSpan(offset, length).Clear();
        }

        Assert.True(expected.AsSpan().SequenceEqual(TestDisks.ReadAll(disk)), where);
        if (file is not null)
        {
            // Tables may be written, at any rate not as much as a block of data; with a refusal, nothing.
            StorageOperation[] written = [.. file.Trace.Skip(traced).Where(operation => operation.Kind is StorageOperationKind.Write or StorageOperationKind.Allocate)];
            Assert.True(isDone ? written.All(operation => operation.Kind == StorageOperationKind.Write && operation.LengthBytes <= 512) : written.Length == 0, where);
        }
    }

    private static (IDiskImage Image, SimulatedFile? File) Open(Format format, bool honorSame)
    {
        if (format == Format.BlocksThatPromiseNothing)
        {
            return (new BlockImage("blocks", Size, Block) { InitialFlags = honorSame ? ImageOpenFlags.HonorSame : ImageOpenFlags.None }, null);
        }

        bool punches = format is not (Format.QedWithoutHoles or Format.RawWithoutHoles);
        var file = new SimulatedFile("top", punches ? SimulatedFile.GoodFacts : SimulatedFile.GoodFacts & ~(StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles));
        IImageBackend backend = format switch
        {
            Format.TestBlocks => new MemoryBackend(),
            Format.Raw or Format.RawWithoutHoles => new RawBackend(),
            _ => new QedBackend(),
        };
        using (SimulatedStorage storage = file.Open())
        {
            var options = new Dictionary<string, string>();
            if (backend is QedBackend)
            {
                options.Add("cluster_size", "4096");
                options.Add("table_size", "2");
            }

            backend.Create(storage, new ImageCreateOptions { VirtualSizeBytes = Size, FormatOptions = options });
        }

        return (backend.Open(file.Open(), new ImageOpenOptions { Flags = ImageOpenFlags.Discard | (honorSame ? ImageOpenFlags.HonorSame : ImageOpenFlags.None) }), file);
    }

    // Data in every other sector of the first half, nothing in the second.
    private static BlockImage Parent()
    {
        var parent = new BlockImage("parent", Size, 512);
        byte[] sector = new byte[512];
        sector.AsSpan().Fill(9);
        for (int offset = 0; offset < Size / 2; offset += 1024)
        {
            parent.Write(offset, sector);
        }

        return parent;
    }
}
