namespace QedVd.Host.Tests.Chains;

/// <summary>Which levels a read asks, in both forms, and whose mistake it is when one answers wrong.</summary>
public sealed class ChainReaderTests
{
    private const int Block = 4096;
    private const int Size = 16 * Block;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LevelsWhoseMemorySaysFree_AreNotRead_AndTheLastIsReadAtOnce(bool isAsync)
    {
        AskedImage top = new(new BlockImage("top", Size, Block)), middle = new(new BlockImage("middle", Size, Block));
        AskedImage bottom = new(TestDisks.Filled("base", Size, Block, 7));
        using VirtualDisk disk = TestDisks.Compose(top, middle, bottom);

        Assert.Equal(7, (await ReadAsync(disk, Block, 100, isAsync))[99]);

        Assert.Equal([(1, 0), (1, 0), (0, 1)], new[] { top, middle, bottom }.Select(image => (image.Maps, image.Reads)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeepChain_IsAskedLevelByLevel_OnlyTheFirstTime_InBothForms(bool isAsync)
    {
        AskedImage[] images = [.. Enumerable.Range(0, 8).Select(i => new AskedImage(new BlockImage($"{i}", Size, Block)))];
        using VirtualDisk disk = TestDisks.Compose([.. images, TestDisks.Filled("base", Size, Block, 7)]);
        await ReadAsync(disk, Block, 100, isAsync);
        int[] first = [.. images.Select(image => image.Maps)];

        Assert.Equal(7, (await ReadAsync(disk, Block + 1000, 100, isAsync))[0]);

        Assert.Equal([first[0] + 1, .. first[1..]], images.Select(image => image.Maps));
        Assert.All(images, image => Assert.Equal(0, image.Reads));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 7)]
    public void ReadBeneathALevel_SeesNothingOfThatLevel_InADeepChainThatRemembersToo(int first, byte expected)
    {
        var generation = GenerationOf(
            new BlockImage("top", Size, Block), TestDisks.Filled("a", Size, Block, 1), TestDisks.Filled("b", Size, Block, 2), new BlockImage("c", Size, Block),
            TestDisks.Filled("base", Size, Block, 7));
        Assert.NotNull(generation.Memo);
        byte[] bytes = new byte[Size];

        SyncIo.Complete(ChainReader.ReadAsync<SyncIo>(generation, first, 0, new IoBuffer(bytes.AsMemory()), default));

        Assert.Equal(-1, bytes.AsSpan().IndexOfAnyExcept(expected));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public async Task Level_ThatThrowsWhatItMayNot_IsNamed_WithThePlace(int depth, bool isAsync)
    {
        AskedImage[] images = [.. Enumerable.Range(0, 3).Select(i => new AskedImage(new BlockImage($"level{i}", Size, Block) { TableMisses = 8 }))];
        using VirtualDisk disk = TestDisks.Compose(images);
        images[depth].Thrown = new KeyNotFoundException("at 17");

        ImageException reading = await Assert.ThrowsAsync<ImageException>(() => ReadAsync(disk, Block + 5, 100, isAsync));
        ImageException mapping = await Assert.ThrowsAsync<ImageException>(async () => _ = isAsync ? await disk.MapAsync(Block + 5, 100, Stop) : disk.Map(Block + 5, 100));

        Assert.Equal((ImageErrorKind.BackendFault, "reading", Block + 5L, $"level{depth}"), (reading.Kind, reading.Operation, reading.OffsetBytes, reading.Path));
        Assert.StartsWith($"level{depth}: the backend 'blocks' failed while reading it at offset {Block + 5} (", reading.Message, StringComparison.Ordinal);
        Assert.Equal((ImageErrorKind.BackendFault, "mapping", Block + 5L, $"level{depth}"), (mapping.Kind, mapping.Operation, mapping.OffsetBytes, mapping.Path));
        images[depth].Thrown = null;
    }

    [Theory]
    [InlineData(ExtentKind.Data, 11, false)]
    [InlineData(ExtentKind.Data, 11, true)]
    [InlineData(ExtentKind.Zero, -1, false)]
    [InlineData(ExtentKind.Zero, -1, true)]
    [InlineData((ExtentKind)9, 10, false)]
    [InlineData((ExtentKind)9, 10, true)]
    public async Task Answer_ThatBreaksTheContract_IsQuoted(ExtentKind kind, int length, bool isAsync)
    {
        using VirtualDisk disk = TestDisks.Compose(new AskedImage(new BlockImage("liar", Size, Block)) { Answer = new ReadResult(kind, length) });

        ImageException fault = await Assert.ThrowsAsync<ImageException>(() => ReadAsync(disk, 0, 10, isAsync));

        Assert.Equal(ImageErrorKind.BackendFault, fault.Kind);
        Assert.StartsWith($"liar: backend 'blocks' answered a read of 10 bytes with {(int)kind} ({kind}) for {length} bytes, ", fault.Message, StringComparison.Ordinal);
    }

    private static async Task<byte[]> ReadAsync(VirtualDisk disk, long offset, int length, bool isAsync)
    {
        byte[] bytes = new byte[length];
        if (isAsync)
        {
            await disk.ReadAsync(offset, bytes, Stop);
        }
        else
        {
            disk.Read(offset, bytes);
        }

        return bytes;
    }

    private static Generation GenerationOf(params IDiskImage[] images) => new([.. images.Select(image => new Level { Image = image, Path = image.Name, FormatId = "blocks" })]);

    /// <summary>Counts what it is asked; reads may throw, or answer anything.</summary>
    private sealed class AskedImage(IDiskImage inner) : DelegatingImage(inner)
    {
        public int Maps { get; private set; }

        public int Reads { get; private set; }

        public Exception? Thrown { get; set; }

        public ReadResult? Answer { get; init; }

        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            Maps++;
            return base.TryMap(offset, lengthBytes, out extent);
        }

        protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken) =>
            Thrown is null ? base.MapCore<TIo>(offset, lengthBytes, cancellationToken) : throw Thrown;

        protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
        {
            Reads++;
            return Thrown is not null ? throw Thrown : Answer is { } answer ? new(answer) : base.ReadCore<TIo>(offset, buffer, cancellationToken);
        }
    }
}
