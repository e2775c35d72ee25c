using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Resizing;

/// <summary>Which sizes are taken, what they change, and what a disk reads as afterwards.</summary>
public sealed class ResizeTests
{
    private const int Cluster = 4096;

    // With tables of one cluster, one L2 table describes 2 MiB.
    private const long TableSpan = 512 * Cluster;

    [Theory]
    [InlineData(1000, "choose 1024")]
    [InlineData(-512, "allowed: 0 to 274877906944")]
    [InlineData((256L << 30) + 512, "allowed: 0 to 274877906944")]
    [InlineData(long.MaxValue - 511, "allowed: 0 to 274877906944")]
    [InlineData(Cluster, "shrink")]
    public async Task SizeThatCannotBe_IsRefusedWithTheReason_AndNothingIsWritten(long size, string reason)
    {
        SimulatedFile file = Images.Create(10 * Cluster, Cluster, 2);
        await using QedImage image = Images.Open(file);
        int changes = file.CountOfChanges();

        ImageException refusal = await Refused(image, size);

        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(changes, file.CountOfChanges());
        Assert.Equal(10 * Cluster, image.VirtualSizeBytes);
    }

    [Fact]
    public async Task SameSize_WritesNothing()
    {
        SimulatedFile file = Images.Create(10 * Cluster, Cluster, 2);
        await using QedImage image = Images.Open(file);

        await image.ResizeAsync(10 * Cluster, mayShrink: false);

        Assert.Equal((0, 0), (file.CountOfChanges(), file.CountOf(StorageOperationKind.Barrier)));
    }

    [Fact]
    public async Task ReadOnlyImage_RefusesAsReadOnly_AndDoesNotClaimIt()
    {
        SimulatedFile file = Images.Create(10 * Cluster, Cluster, 2);
        await using QedImage image = Images.Open(file, readOnly: true);

        Assert.Equal(ImageErrorKind.ReadOnly, (await Refused(image, 20 * Cluster)).Kind);
        Assert.Equal(ImageCapabilities.None, image.Capabilities & (ImageCapabilities.Grow | ImageCapabilities.Shrink));
    }

    [Theory]
    [InlineData(0, 5 * Cluster)]
    [InlineData(512, 1024)]
    [InlineData(3 * Cluster, 3 * Cluster + 512)]
    [InlineData((3 * Cluster) + 512, 700 * Cluster)]
    [InlineData(TableSpan - 512, TableSpan + 512)]
    [InlineData(TableSpan, 40L << 30)]
    public async Task Growing_KeepsWhatWasThere_AddsZeros_AndIsCurrentAtOnce(long old, long size)
    {
        SimulatedFile file = Images.Create(old, Cluster, 1 + (size > 1L << 30 ? 15 : 0));
        byte[] data = ConcurrencyTests.Pattern((int)Math.Min(old, 5 * Cluster), 1);
        await using (QedImage image = Images.Open(file))
        {
            image.LogicalGeometry = new DiskGeometry(1, 2, 3);
            GuestDisk.Write(image, 0, data);

            await image.ResizeAsync(size, mayShrink: false);

            Assert.Equal(size, image.VirtualSizeBytes);
            Assert.Equal([new ImageRegion(0, size)], image.Regions);
            Assert.Null(image.LogicalGeometry);
            AssertReads(image, data, old, size);
            byte[] last = ConcurrencyTests.Pattern(512, 2);
            GuestDisk.Write(image, size - 512, last);
            Assert.Equal(last, GuestDisk.Read(image, size - 512, 512));
        }

        Images.AssertClean(file);
        await using QedImage again = Images.Open(file);
        Assert.Equal(size, again.VirtualSizeBytes);
        AssertReads(again, data, old, size - 512);
    }

    [Fact]
    public async Task Growing_ShowsNothingOfTheLastClusterBehindTheOldEnd()
    {
        // A write of whole blocks may end behind the disk's end.
        SimulatedFile file = Images.Create((2 * Cluster) + 512, Cluster, 1);
        await using QedImage image = Images.Open(file);
        byte[] data = ConcurrencyTests.Pattern(Cluster, 1);
        Assert.Equal(WriteResult.Done(Cluster), image.Write(2 * Cluster, data));

        await image.ResizeAsync(5 * Cluster, mayShrink: false);

        Assert.Equal([.. data[..512], .. new byte[Cluster - 512]], GuestDisk.Read(image, 2 * Cluster, Cluster));
    }

    [Theory]
    [InlineData(SimulatedFile.GoodFacts)]
    [InlineData(StorageFacts.CanSetLength)]
    public async Task Growing_OverSomethingLonger_ShowsZerosAndNotItsBytes(StorageFacts facts)
    {
        byte[] parent = ConcurrencyTests.Pattern((int)(5 * TableSpan), 3);
        SimulatedFile file = Images.Create(3 * Cluster, Cluster, 1, withParent: true, facts);
        long size = 6 * TableSpan;
        await using (QedImage image = Images.Open(file))
        {
            image.SetBeneath(Beneath.UpTo(parent.Length));

            await image.ResizeAsync(size, mayShrink: false);

            AssertGrown(image, parent);
            Assert.Equal(ExtentKind.Zero, image.Map(3 * Cluster, Cluster).Kind);
            Assert.Equal(ExtentKind.Free, image.Map(5 * TableSpan, Cluster).Kind);
            GuestDisk.Write(image, TableSpan + 100, new byte[] { 1 }, parent);
            Assert.Equal(new byte[] { 0, 1, 0 }, GuestDisk.Read(image, TableSpan + 99, 3, parent));
        }

        Images.AssertClean(file);
        await using QedImage again = Images.Open(file);
        Assert.Equal(new byte[] { 0, 1, 0 }, GuestDisk.Read(again, TableSpan + 99, 3, parent));

        void AssertGrown(QedImage image, byte[] parent)
        {
            byte[] seen = GuestDisk.Read(image, 0, (int)size, parent);
            Assert.True(seen.AsSpan(0, 3 * Cluster).SequenceEqual(parent.AsSpan(0, 3 * Cluster)));
            Assert.False(seen.AsSpan(3 * Cluster).ContainsAnyExcept((byte)0));
        }
    }

    [Fact]
    public async Task Growing_OverSomethingUnknown_MarksAllOfIt()
    {
        SimulatedFile file = Images.Create(TableSpan, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);

        await image.ResizeAsync(3 * TableSpan, mayShrink: false);

        Assert.Equal(new Extent(ExtentKind.Zero, 2 * TableSpan), image.Map(TableSpan, 2 * TableSpan));
        Assert.Equal(ExtentKind.Free, image.Map(0, Cluster).Kind);
    }

    [Fact]
    public async Task Growing_OverSomethingLonger_WithAFreePartOfACluster_AsksForItFirst()
    {
        byte[] parent = ConcurrencyTests.Pattern(10 * Cluster, 3);
        SimulatedFile file = Images.Create((3 * Cluster) + 512, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);
        image.SetBeneath(Beneath.UpTo(parent.Length));
        int changes = file.CountOfChanges();

        ImageException refusal = await Refused(image, 5 * Cluster);
        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Equal(changes, file.CountOfChanges());

        // What the host does then.
        byte[] block = new byte[Cluster];
        parent.AsSpan(3 * Cluster, 512).CopyTo(block);
        Assert.Equal(WriteResult.Done(Cluster), image.Write(3 * Cluster, block));
        await image.ResizeAsync(5 * Cluster, mayShrink: false);
        Assert.Equal([.. block, .. new byte[Cluster]], GuestDisk.Read(image, 3 * Cluster, 2 * Cluster, parent));

        image.SetBeneath(Beneath.UpTo(512));
        await image.ResizeAsync((5 * Cluster) + 512, mayShrink: false);
        await image.ResizeAsync(6 * Cluster, mayShrink: false);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(512)]
    [InlineData(2 * Cluster)]
    [InlineData((5 * Cluster) + 1024)]
    [InlineData(TableSpan)]
    [InlineData(TableSpan + Cluster)]
    public async Task Shrinking_ThenGrowing_ShowsZeros_AndGivesTheRoomBack(long size)
    {
        const long Old = 3 * TableSpan;
        SimulatedFile file = Images.Create(Old, Cluster, 1);
        byte[] data = ConcurrencyTests.Pattern((int)Old, 5);
        await using (QedImage image = Images.Open(file))
        {
            GuestDisk.Write(image, 0, data);
            image.Flush();
            long length = file.LengthBytes;

            await image.ResizeAsync(size, mayShrink: true);

            Assert.Equal(size, image.VirtualSizeBytes);
            Assert.InRange(file.LengthBytes, 0, length - (Old - size) + Cluster);
            Assert.True(GuestDisk.Read(image, 0, (int)size).AsSpan().SequenceEqual(data.AsSpan(0, (int)size)));
            Assert.Throws<ArgumentOutOfRangeException>(() => image.Read(size, new byte[1]));
            Assert.Throws<ArgumentOutOfRangeException>(() => image.Write(size + Cluster, new byte[1]));
        }

        Images.AssertClean(file);
        await using (QedImage image = Images.Open(file))
        {
            await image.ResizeAsync(Old, mayShrink: false);
            AssertReads(image, data[..(int)size], size, Old);
            GuestDisk.Write(image, 0, data);
            Assert.Equal(data, GuestDisk.Read(image, 0, data.Length));
        }

        Images.AssertClean(file);
    }

    [Fact]
    public async Task Shrinking_LeavesNothingThatQemuWouldShowWhenItGrows()
    {
        SimulatedFile file = Images.Create(3 * TableSpan, Cluster, 1);
        await using (QedImage image = Images.Open(file))
        {
            GuestDisk.Write(image, 0, ConcurrencyTests.Pattern((int)(3 * TableSpan), 5));
            await image.ResizeAsync(Cluster + 512, mayShrink: true);
        }

        // As a program that changes nothing but the size.
        byte[] size = BitConverter.GetBytes(3 * TableSpan);
        file.Poke(48, size);
        await using QedImage again = Images.Open(file);
        Assert.False(GuestDisk.Read(again, Cluster + 512, (int)(3 * TableSpan) - Cluster - 512).AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public async Task Shrinking_OverSomething_ThenGrowing_ShowsZeros()
    {
        byte[] parent = ConcurrencyTests.Pattern((int)(3 * TableSpan), 3);
        SimulatedFile file = Images.Create(3 * TableSpan, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);
        image.SetBeneath(Beneath.UpTo(parent.Length));
        byte[] own = ConcurrencyTests.Pattern(3 * Cluster, 9);
        GuestDisk.Write(image, 4 * Cluster, own, parent);
        GuestDisk.Write(image, TableSpan + (4 * Cluster), own, parent);

        await image.ResizeAsync(5 * Cluster, mayShrink: true);
        await image.ResizeAsync(3 * TableSpan, mayShrink: false);

        byte[] expected = new byte[3 * TableSpan];
        parent.AsSpan(0, 4 * Cluster).CopyTo(expected);
        own.AsSpan(0, Cluster).CopyTo(expected.AsSpan(4 * Cluster));
        Assert.True(GuestDisk.Read(image, 0, expected.Length, parent).AsSpan().SequenceEqual(expected));
        await image.CloseAsync();
        Images.AssertClean(file);
    }

    [Fact]
    public async Task Shrinking_FreesWhatIsUsedAgain_AndNeverAClusterThatTheRestRefersToAsWell()
    {
        SimulatedFile file = Images.Create(100 * Cluster, Cluster, 1);
        byte[] data = ConcurrencyTests.Pattern(Cluster, 7);
        await using (QedImage made = Images.Open(file))
        {
            GuestDisk.Write(made, 0, data);
            GuestDisk.Write(made, 50 * Cluster, data);
        }

        // Damage: the last one and the first one share a cluster.
        byte[] l1 = file.ReadBytes(Cluster, 8);
        long table = BitConverter.ToInt64(l1);
        file.Poke(table + (99 * 8), file.ReadBytes(table, 8));
        await using QedImage image = Images.Open(file);
        await image.ResizeAsync(40 * Cluster, mayShrink: true);

        Assert.Equal(data, GuestDisk.Read(image, 0, Cluster));
        for (int i = 1; i < 40; i++)
        {
            GuestDisk.Write(image, i * Cluster, ConcurrencyTests.Pattern(Cluster, i + 10));
        }

        Assert.Equal(data, GuestDisk.Read(image, 0, Cluster));
        await image.CloseAsync();
        Images.AssertClean(file);
    }

    private static void AssertReads(QedImage image, byte[] data, long old, long end)
    {
        Assert.Equal(data, GuestDisk.Read(image, 0, data.Length));
        long start = Math.Max(data.Length, old - (20 * Cluster));
        Assert.False(GuestDisk.Read(image, start, (int)Math.Min(end - start, 4 << 20)).AsSpan().ContainsAnyExcept((byte)0));
        Assert.False(GuestDisk.Read(image, Math.Max(start, end - 512), (int)Math.Min(end - start, 512)).AsSpan().ContainsAnyExcept((byte)0));
    }

    private static async Task<ImageException> Refused(QedImage image, long size) =>
        await Assert.ThrowsAsync<ImageException>(async () => await image.ResizeAsync(size, mayShrink: false));
}
