namespace QedVd.Host.Tests.Chains;

/// <summary>What the top image is asked for a guest's change, request by request: where it is free over something, in bounded pieces, and otherwise at once.</summary>
public sealed class TopRequestsTests
{
    private const int Block = 4096;
    private const int Mega = 1 << 20;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Block, Block, "write 4096+4096 NoAllocate", "write 4096+4096")]
    [InlineData(100, 10, "write 100+10 NoAllocate", "write 0+4096")]
    [InlineData(100, 2 * Block, "write 100+8192 NoAllocate", "write 0+4096", "write 4096+4096", "write 8192+4096")]
    [InlineData(Block, 2500 * 1024, "write 4096+2560000 NoAllocate", "write 4096+1048576", "write 1052672+1511424 NoAllocate", "write 1052672+1048576", "write 2101248+462848 NoAllocate", "write 2101248+462848")]
    [InlineData((8 * Mega) - Block, 3 * Block, "write 8384512+12288 NoAllocate", "write 8384512+4096", "write 8388608+8192")]
    [InlineData(9 * Mega, 2 * Mega, "write 9437184+2097152")]
    [InlineData((10 * Mega) + 3, 5, "write 10485763+5")]
    public async Task Write_OfWhatIsFree(int offset, int length, params string[] asked)
    {
        foreach ((WriteFlags flags, bool isAsync) in ((WriteFlags, bool)[])[(WriteFlags.None, false), (WriteFlags.ForceUnitAccess, true)])
        {
            TracedImage top = new("top", 16 * Mega, Block, ExtentKind.Free);
            using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", 8 * Mega, Block, ExtentKind.Data, 9));
            byte[] bytes = new byte[length];
            bytes.AsSpan().Fill(5);

            if (isAsync)
            {
                await disk.WriteAsync(offset, bytes, flags, Stop);
            }
            else
            {
                disk.Write(offset, bytes, flags);
            }

            Assert.Equal(With(flags, asked), top.Asked);
        }
    }

    [Theory]
    [InlineData(Block, 2 * Block, "zero 4096+8192 NoAllocate", "zero 4096+8192")]
    [InlineData(100, 10, "zero 100+10 NoAllocate", "write 0+4096")]
    [InlineData(100, 2 * Block, "zero 100+8192 NoAllocate", "write 0+4096", "zero 4096+4096", "write 8192+4096")]
    [InlineData(Block, 100 * Mega, "zero 4096+104857600 NoAllocate", "zero 4096+67108864", "zero 67112960+37748736 NoAllocate", "zero 67112960+37748736")]
    [InlineData((128 * Mega) - Block, 3 * Block, "zero 134213632+12288 NoAllocate", "zero 134213632+4096", "zero 134217728+8192")]
    [InlineData(200 * Mega, 20 * Mega, "zero 209715200+20971520")]
    public async Task Zero_OfWhatIsFree(int offset, int length, params string[] asked)
    {
        foreach ((WriteFlags flags, bool isAsync) in ((WriteFlags, bool)[])[(WriteFlags.None, false), (WriteFlags.MayUnmap, true)])
        {
            TracedImage top = new("top", 256 * Mega, Block, ExtentKind.Free);
            using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", 128 * Mega, Block, ExtentKind.Data, 9));

            if (isAsync)
            {
                await disk.WriteZeroesAsync(offset, length, flags, Stop);
            }
            else
            {
                disk.WriteZeroes(offset, length, flags);
            }

            Assert.Equal(With(flags, asked), top.Asked);
        }
    }

    [Fact]
    public void Zero_OfTheEndOfTheDisk_TakesTheLastBlockWhole()
    {
        TracedImage top = new("top", (10 * Block) + 512, Block, ExtentKind.Free);
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", Mega, Block, ExtentKind.Data, 9));

        disk.WriteZeroes(9 * Block, Block + 512);
        disk.WriteZeroes((8 * Block) + 1, Block - 1);

        Assert.Equal(["zero 36864+4608 NoAllocate", "zero 36864+8192", "zero 32769+4095 NoAllocate", "write 32768+4096"], top.Asked);
    }

    [Fact]
    public void Change_OfWhatIsHeld_IsAskedOnce()
    {
        TracedImage top = new("top", 16 * Mega, Block, ExtentKind.Data);
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", 8 * Mega, Block, ExtentKind.Data, 9));

        disk.Write(100, new byte[3 * Mega]);
        disk.WriteZeroes(100, 3 * Mega, WriteFlags.MayUnmap | WriteFlags.ForceUnitAccess);
        disk.Flush();

        Assert.Equal(["write 100+3145728 NoAllocate", "zero 100+3145728 ForceUnitAccess, NoAllocate, MayUnmap", "flush"], top.Asked);
    }

    [Fact]
    public void Write_OfWhatTheParentHolds_ComparesALittleFirst_AndWritesWhatDiffersOnly()
    {
        TracedImage top = new("top", 16 * Mega, 65536, ExtentKind.Free);
        TracedImage bottom = new("base", 16 * Mega, 65536, ExtentKind.Data, 9);
        using VirtualDisk disk = TestDisks.Compose(top, bottom);
        byte[] bytes = new byte[4 * 65536];
        bytes.AsSpan().Fill(9);
        bytes[65536] = 1;
        bytes[(3 * 65536) - 1] = 1;

        disk.Write(0, bytes);

        Assert.Equal(["write 0+262144 NoAllocate", "write 65536+131072"], top.Asked);
        Assert.Equal(
            ["read 0+4096", "read 4096+61440", "read 65536+4096", "read 131072+4096", "read 135168+61440", "read 196608+4096", "read 200704+61440"], bottom.Asked);
    }

    [Fact]
    public void Write_OverZeros_IsComparedWithoutReading_AndZerosAreLeftToTheParent()
    {
        TracedImage top = new("top", 16 * Mega, Block, ExtentKind.Free);
        TracedImage bottom = new("base", 16 * Mega, Block, ExtentKind.Zero);
        using VirtualDisk disk = TestDisks.Compose(top, bottom);
        byte[] bytes = new byte[Block];
        bytes[^1] = 1;

        disk.Write(0, bytes);
        Assert.Empty(bottom.Asked);
        disk.Write(Block, new byte[Block]);
        disk.WriteZeroes((2 * Block) + 5, 5);

        Assert.Equal(["write 0+4096 NoAllocate", "write 0+4096", "write 4096+4096 NoAllocate", "zero 8197+5 NoAllocate"], top.Asked);
    }

    [Fact]
    public void Discard_GoesInBoundedPieces_OverSomethingOnly()
    {
        const long Giga = 1L << 30;
        TracedImage top = new("top", 8 * Giga, Mega, ExtentKind.Free);
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", 4 * Giga, Mega, ExtentKind.Data, 9));

        disk.Discard(Mega + 5, (5 * Giga) + 1);

        Assert.Equal(
            [
                "discard 1048581+1073741819", "discard 1074790400+1073741824", "discard 2148532224+1073741824", "discard 3222274048+1072693248",
                "discard 4294967296+1074790406",
            ],
            top.Asked);
    }

    [Theory]
    [InlineData(FastZeroKinds.DataBlocks | FastZeroKinds.FreeBlocks, Block, 2 * Block, "zero 4096+8192 NoAllocate, FastOnly", "zero 4096+8192 FastOnly")]
    [InlineData(FastZeroKinds.DataBlocks | FastZeroKinds.FreeBlocks, Block, (2 * Block) + 1)]
    [InlineData(FastZeroKinds.DataBlocks, Block, 2 * Block)]
    public void Zero_ThatHasToBeFast_IsAskedSo_OrNotAtAll(FastZeroKinds kinds, int offset, int length, params string[] asked)
    {
        TracedImage top = new("top", 16 * Mega, Block, ExtentKind.Free) { Fast = kinds };
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", 16 * Mega, Block, ExtentKind.Data, 9));

        Assert.Equal(asked.Length > 0, disk.CanZeroFast(offset, length));
        ImageException? refusal = Record.Exception(() => disk.WriteZeroes(offset, length, WriteFlags.FastOnly)) as ImageException;

        Assert.Equal(asked, top.Asked);
        Assert.Equal(asked.Length > 0 ? null : "top: zeroing this range without writing data is not supported here.", refusal?.Message);
    }

    [Theory]
    [InlineData("write")]
    [InlineData("zero")]
    public void Image_ThatSaysDataAndAnswersFree_IsAskedAFewTimes_AndThenItsMistakeIsTold(string what)
    {
        TracedImage top = new("top", Mega, Block, ExtentKind.Data) { IsAlwaysFree = true };
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", Mega, Block, ExtentKind.Data, 9));

        ImageException fault = Assert.Throws<ImageException>(() => Change(disk, what));

        Assert.Equal((ImageErrorKind.BackendFault, "top", "write", 100L), (fault.Kind, fault.Path, fault.Operation, fault.OffsetBytes));
        Assert.Equal("top: the backend 'traced' answered a change of 10 bytes at 100 with 'free' though nothing forbade it to allocate. Report this to its author.", fault.Message);
        Assert.Equal([$"{what} 100+10 NoAllocate", .. Enumerable.Repeat($"{what} 100+10", 8)], top.Asked);
    }

    [Theory]
    [InlineData("write", "writing to", 100)]
    [InlineData("zero", "writing zeros to", 100)]
    [InlineData("discard", "discarding in", 100)]
    [InlineData("flush", "flushing", null)]
    [InlineData("try map", "mapping", 100)]
    [InlineData("map", "mapping", 100)]
    public void Image_ThatThrowsWhatItMayNot_IsNamed_WithWhatItWasAskedFor(string what, string doing, int? offset)
    {
        TracedImage top = new("top", Mega, Block, ExtentKind.Data);
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", Mega, Block, ExtentKind.Data, 9));
        top.Thrown = new KeyNotFoundException("at 17");

        ImageException fault = Assert.Throws<ImageException>(() => Change(disk, what));

        Assert.Equal((ImageErrorKind.BackendFault, "top", doing, (long?)offset), (fault.Kind, fault.Path, fault.Operation, fault.OffsetBytes));
        Assert.StartsWith($"top: the backend 'traced' failed while {doing} it{(offset is null ? "" : $" at offset {offset}")} (", fault.Message, StringComparison.Ordinal);
        top.Thrown = null;
    }

    [Fact]
    public void MemoryOfTheChain_AnswersForTheFirstLevelThatHoldsSomething_AsFarAsAllAboveItAreFree()
    {
        TracedImage top = new("top", 16 * Mega, Block, ExtentKind.Free), middle = new("middle", 4 * Mega, Block, ExtentKind.Free), bottom = new("base", 8 * Mega, Block, ExtentKind.Free);
        using VirtualDisk disk = TestDisks.Compose(top, middle, bottom);
        top.Set(5 * Block, Block, ExtentKind.Data);
        bottom.Set(2 * Block, 8 * Block, ExtentKind.Zero);

        (long, ExtentKind, long)[] expected =
        [
            (0, ExtentKind.Free, 2 * Block), (2 * Block, ExtentKind.Zero, 3 * Block), ((3 * Block) + 7, ExtentKind.Zero, (2 * Block) - 7), (5 * Block, ExtentKind.Data, Block),
            (6 * Block, ExtentKind.Zero, 4 * Block), (10 * Block, ExtentKind.Free, (4 * Mega) - (10 * Block)), (4 * Mega, ExtentKind.Free, 12 * Mega),
        ];
        foreach ((long offset, ExtentKind kind, long length) in expected)
        {
            Assert.True(disk.TryMap(offset, (16 * Mega) - offset, out Extent extent));
            Assert.Equal(new Extent(kind, length), extent);
        }
    }

    private static IEnumerable<string> With(WriteFlags flags, string[] asked) => flags switch
    {
        WriteFlags.None => asked,
        _ => asked.Select(request => request.EndsWith(" NoAllocate", StringComparison.Ordinal) ? request.Replace(" NoAllocate", $" {flags | WriteFlags.NoAllocate}", StringComparison.Ordinal) : $"{request} {flags}"),
    };

    private static void Change(VirtualDisk disk, string what)
    {
        switch (what)
        {
            case "write":
                disk.Write(100, new byte[10]);
                break;
            case "zero":
                disk.WriteZeroes(100, 10);
                break;
            case "discard":
                disk.Discard(100, 10);
                break;
            case "flush":
                disk.Flush();
                break;
            case "try map":
                disk.TryMap(100, 10, out _);
                break;
            default:
                disk.Map(100, 10);
                break;
        }
    }
}
