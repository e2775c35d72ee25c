using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>Requests and changes of state that come at the wrong moment, or to a file that is not what it was.</summary>
public sealed class StateEdgeTests
{
    private const int Cluster = 4096;
    private const int Size = 1100 * Cluster;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Shrink_GivenUpWhileItWaitsForAReader_LetsWritersGoOn()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        await using QedImage image = Images.Open(file);
        GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(20 * Cluster, 1));
        image.WriteZeroes(0, 10 * Cluster);
        image.Flush();
        using StorageGate data = file.Hold(StorageOperationKind.Read, where: (_, length) => length == 512);
        Task<byte[]> reader = Task.Run(() => GuestDisk.Read(image, 15 * Cluster, 512), Stop);
        await data.Reached;
        using CancellationTokenSource giveUp = new();
        Task shrink = image.ResizeAsync(12 * Cluster, mayShrink: true, cancellationToken: giveUp.Token).AsTask();
        await giveUp.CancelAsync();

        // Who waits for the readers cannot be called back; what comes then is not begun.
        data.Release();
        await reader;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => shrink);
        byte[] written = ConcurrencyTests.Pattern(Cluster, 9);
        await image.WriteAsync(18 * Cluster, written, cancellationToken: Stop);

        Assert.Equal(Size, image.VirtualSizeBytes);
        Assert.Equal(written, GuestDisk.Read(image, 18 * Cluster, Cluster));
        image.Close();
        Images.AssertClean(file);
    }

    [Fact]
    public async Task BecomingWritable_AfterSomebodyElseHasResizedTheImage_IsRefused_AndItStaysAsItWas()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        await using IDiskImage late = new QedBackend().Open(file.Open(), new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly });
        using (QedImage writer = Images.Open(file))
        {
            await writer.ResizeAsync(Size + Cluster, mayShrink: false, cancellationToken: Stop);
            writer.Close();
        }

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await late.SetOpenFlagsAsync(ImageOpenFlags.None, Stop));

        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
        Assert.Contains("was changed by someone else", refused.Message, StringComparison.Ordinal);
        Assert.True(late.IsReadOnly);
        Assert.Equal(Size, late.VirtualSizeBytes);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => late.Write(0, [1])).Kind);
    }

    [Fact]
    public void Map_EndsBeforeWhatCannotBeRead_AndThatFailsOnItsOwn()
    {
        long perTable = 512L * Cluster;
        QedImageBytes bytes = new QedImageBytes(new QedHeaderBytes { TableSize = 1, ImageSize = (ulong)(4 * perTable) }).SetClusters(4);
        bytes.SetL1(1, bytes.At(2)).SetL1(2, bytes.At(3)).SetL2(2, 0, 77);
        using QedImage damaged = Images.Open(bytes.File, readOnly: true);

        Extent free = damaged.Map(0, 4 * perTable);
        Assert.Equal((ExtentKind.Free, perTable), (free.Kind, free.LengthBytes));
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => damaged.Map(perTable, 3 * perTable)).Kind);
        Extent behind = damaged.Map(perTable + Cluster, (3 * perTable) - Cluster);
        Assert.Equal((ExtentKind.Free, (3 * perTable) - Cluster), (behind.Kind, behind.LengthBytes));
        Assert.Equal((ExtentKind.Free, 0), (damaged.Map(Cluster, 0).Kind, damaged.Map(Cluster, 0).LengthBytes));
    }

    [Theory]
    [InlineData(TablePage.SizeBytes)]
    [InlineData(4 << 20)]
    public void TableBehindTheEndOfACutFile_FailsAsTruncated_NotAsZeros(int budgetBytes)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        using (QedImage image = Images.Open(file))
        {
            GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(Cluster, 1));
            image.Close();
        }

        SimulatedFile copy = file.Copy();
        using QedImage reader = Images.Open(copy, pool: new TablePool(budgetBytes), readOnly: true);
        using (SimulatedStorage storage = copy.Open())
        {
            storage.SetLength((2 * Cluster) + 256);
        }

        ImageException failed = Assert.Throws<ImageException>(() => reader.Read(0, new byte[512]));
        Assert.Equal(ImageErrorKind.Io, failed.Kind);
        Assert.Contains("the file is truncated", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Zeros_WhereAnotherRequestIsMakingTheTable_WaitForIt_AndNeedNoneOfTheirOwn()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);
        image.SetBeneath(Beneath.Unknown);
        using StorageGate table = file.Hold(StorageOperationKind.Allocate);
        Task<WriteResult> first = image.WriteZeroesAsync(0, 4 * Cluster, cancellationToken: Stop).AsTask();
        await table.Reached;
        Task<WriteResult> second = image.WriteZeroesAsync(Cluster, 2 * Cluster, cancellationToken: Stop).AsTask();
        Assert.False(second.IsCompleted);
        table.Release();

        Assert.Equal(4 * Cluster, (await first).LengthBytes);
        Assert.False((await second).IsFree);
        Assert.Equal((ExtentKind.Zero, 4 * Cluster), (image.Map(0, 8 * Cluster).Kind, image.Map(0, 8 * Cluster).LengthBytes));
        image.Flush();
        Assert.Equal(1, file.CountOf(StorageOperationKind.Allocate));
        image.Close();
        Images.AssertClean(file);
    }

    [Fact]
    public void FileThatIsCutUnderAnOpenImage_FailsTheRead_AndNothingIsWrittenAnyMore()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        QedImage image = Images.Open(file);
        GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(8 * Cluster, 1));
        image.Flush();
        long kept = image.Map(4 * Cluster, 1).StorageOffset;
        Cut(file, kept);

        Assert.Equal(ConcurrencyTests.Pattern(8 * Cluster, 1)[..Cluster], GuestDisk.Read(image, 0, Cluster));
        ImageException failed = Assert.Throws<ImageException>(() => image.Read(5 * Cluster, new byte[Cluster]));
        Assert.Equal(ImageErrorKind.Io, failed.Kind);
        Assert.Contains("the file is truncated", failed.Message, StringComparison.Ordinal);
        int changes = file.CountOfChanges();
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => image.Write(0, new byte[Cluster])).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(image.Flush).Kind);
        Assert.Throws<ImageException>(image.Close);
        Assert.Equal((changes, kept), (file.CountOfChanges(), file.LengthBytes));
    }

    /// <summary>A sector that goes back keeps the damaged entries that it has in the file; where it is gone there is nothing to keep them from.</summary>
    [Fact]
    public void TableThatIsCutOffUnderAnOpenImage_IsNotWrittenWithoutItsDamagedEntries()
    {
        QedImageBytes bytes = new QedImageBytes().AddUsualTable().SetL2(3, 9, 77);
        QedImage image = Images.Open(bytes.File);
        GuestDisk.Write(image, 20 * Cluster, ConcurrencyTests.Pattern(Cluster, 1));
        Cut(bytes.File, 3 * Cluster);

        ImageException failed = Assert.Throws<ImageException>(image.Flush);

        Assert.Equal(ImageErrorKind.Io, failed.Kind);
        Assert.Contains("the file is truncated", failed.Message, StringComparison.Ordinal);
        Assert.Throws<ImageException>(image.Close);
        Assert.Equal(3 * Cluster, bytes.File.LengthBytes);
    }

    private static void Cut(SimulatedFile file, long lengthBytes)
    {
        using SimulatedStorage storage = file.Open();
        storage.SetLength(lengthBytes);
    }
}
