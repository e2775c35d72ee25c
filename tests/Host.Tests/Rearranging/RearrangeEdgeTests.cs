using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Edges that real images do not come to: formats that can do little, maps of any size, levels that do not close.</summary>
public sealed class RearrangeEdgeTests
{
    private const int Block = 512;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ATopThatCannotBeEmptied_StaysFilled_WhichIsLogged()
    {
        var log = new LogLines();
        BlockImage top = TestDisks.Filled("top", 4 * Block, Block, 7);
        using VirtualDisk disk = Compose(log, top, ReadOnly("base", 4 * Block));

        CommitResult result = await disk.CommitAsync(cancellationToken: Stop);

        Assert.Equal((4 * Block, "base"), (result.CopiedBytes, result.TargetPath));
        Assert.Equal(["top: the format 'blocks' cannot be emptied; the image stays filled with what was committed"], log.Lines);
        Assert.Equal(0, disk.Map(0, Block).Depth);
    }

    /// <summary>What reads as zero already needs no marker, unless something beneath may change.</summary>
    [Fact]
    public async Task ZerosOverZeros_AreNotMarked_ZerosOverDataAre()
    {
        BlockImage top = new("top", 4 * Block, Block);
        BlockImage target = ReadOnly("target", 4 * Block);
        BlockImage bottom = new("bottom", 4 * Block, Block);
        bottom.Write(2 * Block, new byte[Block]);
        await bottom.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly, Stop);
        using VirtualDisk disk = Compose(new LogLines(), top, target, bottom);
        top.WriteZeroes(Block, Block);
        top.WriteZeroes(2 * Block, Block);

        CommitResult result = await disk.CommitAsync(cancellationToken: Stop);

        Assert.Equal(0, result.CopiedBytes);
        Assert.Equal([ExtentKind.Free, ExtentKind.Free, ExtentKind.Zero, ExtentKind.Free], Enumerable.Range(0, 4).Select(i => target.KindOf(i * Block)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMergeAway_GivesTheSurvivorTheTopsGeometry_AndOutlastsATopThatDoesNotClose(bool hasGeometry)
    {
        var log = new LogLines();
        BlockImage top = TestDisks.Filled("top", 4 * Block, Block, 7);
        BlockImage low = ReadOnly("base", 4 * Block);
        top.LogicalGeometry = hasGeometry ? new DiskGeometry(1, 2, 3) : null;
        low.LogicalGeometry = new DiskGeometry(4, 5, 6);
        top.CloseError = new ImageException(ImageErrorKind.Io, "does not close");
        using VirtualDisk disk = Compose(log, top, low);

        MergeResult result = await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop);

        Assert.Equal(hasGeometry ? new DiskGeometry(1, 2, 3) : new DiskGeometry(4, 5, 6), low.LogicalGeometry);
        Assert.Equal(("base", 4 * Block), (result.SurvivorPath, result.CopiedBytes));
        Assert.Empty(result.RemovedPaths);
        Assert.Empty(result.KeptPaths);
        Assert.True(top.IsClosed);
        Assert.Equal(["base: closing a level that is of no use any more failed"], log.Lines);
        Assert.Equal(7, TestDisks.ReadAll(disk)[^1]);
    }

    /// <summary>What would not fit is not begun.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task ATargetWithoutRoom_IsNotBegun_UnlessThatIsNotLookedAt(bool isFile, bool isSkipped)
    {
        const long Bytes = 1L << 60;
        using var folder = new TempFolder();
        string path = folder.Create("low", 10);
        using FileStorage file = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true });
        Level low = new() { Image = new HugeImage("low", Bytes, ExtentKind.Free), Path = path, FormatId = "huge", Storage = isFile ? file : null };
        Level lowReadOnly = new() { Image = new ReadOnlyImage(low.Image), Path = path, FormatId = "huge", Storage = low.Storage };
        var generation = new Generation([Of(new HugeImage("top", Bytes, ExtentKind.Data)), lowReadOnly]);
        using var disk = new VirtualDisk(generation, new DiskOpenOptions(), host: null, number: 0, NullLogger.Instance);

        foreach (string operation in (string[])["commit", "merge"])
        {
            ImageException failed = await Assert.ThrowsAsync<ImageException>(async () =>
            {
                _ = operation == "commit"
                    ? (object)await disk.CommitAsync(new CommitOptions { SkipSpaceCheck = isSkipped }, cancellationToken: Stop)
                    : await disk.MergeAsync(new MergeOptions { SkipSpaceCheck = isSkipped, Direction = MergeDirection.Down }, cancellationToken: Stop);
            });

            bool isChecked = isFile && !isSkipped;
            Assert.Equal(isChecked ? ImageErrorKind.OutOfSpace : ImageErrorKind.Io, failed.Kind);
            Assert.Contains(isChecked ? FormattableString.Invariant($"to {operation} may take {Bytes} bytes more") : "opened for writing", failed.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Zeros are made in pieces that can be stopped between, however long, of at least one block.</summary>
    [Theory]
    [InlineData(4096, 64 << 20)]
    [InlineData(128 << 20, 128 << 20)]
    public async Task APull_TakesLongZerosInParts(int blockBytes, long pieceBytes)
    {
        const long Bytes = 1L << 30;
        var walk = new PullWalk(Of(new HugeImage("top", Bytes, ExtentKind.Free, blockBytes)), new ChainView([]), new ChainView([Of(new HugeImage("new", Bytes, ExtentKind.Data))]), blockBytes);
        for (long at = 0; at < Bytes; at += pieceBytes)
        {
            Assert.Equal(new PullPiece(at, at + pieceBytes, IsZero: true, IsOverData: true), await walk.NextAsync(Stop));
        }

        Assert.Equal(new PullPiece(Bytes, Bytes, IsZero: false, IsOverData: false), await walk.NextAsync(Stop));
    }

    [Fact]
    public async Task APull_SaysHowFarItIs_WhereThereIsNothingToDoForLong()
    {
        const int Steps = 4096;
        var top = new BlockImage("top", (Steps + 10) * Block, Block);
        for (int i = 0; i < Steps + 10; i += 2)
        {
            top.Write(i * Block, new byte[Block]);
        }

        var walk = new PullWalk(Of(top), new ChainView([]), new ChainView([]), Block);
        Assert.Equal(new PullPiece(Steps * Block, Steps * Block, IsZero: false, IsOverData: false), await walk.NextAsync(Stop));
        Assert.Equal((Steps + 10) * Block, (await walk.NextAsync(Stop)).EndBytes);
    }

    [Fact]
    public async Task ACursor_AnswersFromThePlaceOn_NotBeyondTheEnd()
    {
        DiskExtent none = await new ViewCursor(new ChainView([]), 1000).AtAsync(300, Stop);
        Assert.Equal((300, 700, ExtentKind.Free, Extent.NoOffset, false), (none.OffsetBytes, none.LengthBytes, none.Kind, none.StorageOffset, none.IsAllocated));

        var cursor = new ViewCursor(new ChainView([Of(new HugeImage("data", 1 << 20, ExtentKind.Data))]), 1000);
        foreach (long at in (long[])[0, 1, 300, 999])
        {
            DiskExtent run = await cursor.AtAsync(at, Stop);
            Assert.Equal((at, 1000 - at, at), (run.OffsetBytes, run.LengthBytes, run.StorageOffset));
        }

        DiskExtent free = await new ViewCursor(new ChainView([Of(new HugeImage("free", 1 << 20, ExtentKind.Free))]), 1000).AtAsync(300, Stop);
        Assert.Equal((300, 700, Extent.NoOffset), (free.OffsetBytes, free.LengthBytes, free.StorageOffset));
    }

    /// <summary>A parent that holds nothing for longer than zeros are made at once is one run, and work comes to its end.</summary>
    [Theory]
    [InlineData(ExtentKind.Free, 1)]
    [InlineData(ExtentKind.Zero, 4)]
    public async Task APush_OfALongRun_GoesOverItAtOnce_ButMakesZerosAGibibyteAtATime(ExtentKind kind, int runs)
    {
        const long Size = (3L << 30) + Block;
        var walk = new PushWalk(new Generation([Of(new HugeImage("huge", Size, kind))]), 0, Size);
        List<PushRun> seen = [];
        while (seen.Count < 10 && await walk.NextAsync(1 << 20, Stop) is { } run)
        {
            seen.Add(run);
        }

        Assert.Equal(runs, seen.Count);
        Assert.Equal(Size, seen.Sum(run => run.LengthBytes));
        Assert.All(seen, run => Assert.Equal(kind == ExtentKind.Free ? PushKind.Skip : PushKind.Zero, run.Kind));
    }

    [Fact]
    public async Task ACursor_GoesFromOneBatchOfRunsToTheNext()
    {
        const int Runs = 1000;
        var image = new BlockImage("runs", Runs * Block, Block);
        for (int i = 0; i < Runs; i += 2)
        {
            image.Write(i * Block, new byte[Block]);
        }

        var cursor = new ViewCursor(new ChainView([Of(new ManyRunsImage(image, Runs))]), Runs * Block);
        for (int i = 0; i < Runs; i++)
        {
            DiskExtent run = await cursor.AtAsync(i * Block, Stop);
            Assert.Equal((i * Block, Block, i % 2 == 0 ? ExtentKind.Data : ExtentKind.Free), (run.OffsetBytes, run.LengthBytes, run.Kind));
        }
    }

    private static Level Of(IDiskImage image) => new() { Image = image, Path = image.Name, FormatId = image.Backend.Id };

    private static BlockImage ReadOnly(string name, long sizeBytes) => new(name, sizeBytes, Block) { InitialFlags = ImageOpenFlags.ReadOnly };

    private static VirtualDisk Compose(LogLines log, params IDiskImage[] images)
    {
        var generation = new Generation([.. images.Select(Of)]);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        return new VirtualDisk(generation, new DiskOpenOptions(), host: null, number: 0, log);
    }

    /// <summary>One that would have to be opened for writing first.</summary>
    private sealed class ReadOnlyImage(IDiskImage inner) : DelegatingImage(inner)
    {
        public override ImageOpenFlags OpenFlags => ImageOpenFlags.ReadOnly;

        public override ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default) => Inner.SetOpenFlagsAsync(flags, cancellationToken);
    }
}
