using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Resizing;

/// <summary>Growing beyond what the tables can address: larger ones, with the same content.</summary>
public sealed class RelocationTests
{
    private const int Cluster = 4096;
    private const long TableSpan = 512 * Cluster;

    // What tables of one, and of two clusters of 4 KiB can address.
    private const long ReachOfOne = 1L << 30;
    private const long ReachOfTwo = 4L << 30;

    [Theory]
    [InlineData(4096, 1, ReachOfOne, 1)]
    [InlineData(4096, 1, ReachOfOne + 512, 2)]
    [InlineData(4096, 1, 5L << 30, 4)]
    [InlineData(4096, 2, ReachOfTwo + 512, 4)]
    [InlineData(4096, 2, 256L << 30, 16)]
    [InlineData(65536, 4, 64L << 40, 4)]
    [InlineData(65536, 4, (64L << 40) + 512, 8)]
    [InlineData(65536, 4, 1L << 50, 16)]
    [InlineData(65536, 1, (4L << 40) + 512, 2)]
    [InlineData(1 << 20, 1, (1L << 54) + 512, 2)]
    [InlineData(4 << 20, 2, (1L << 62) + 512, 4)]
    public void Tables_AreTheSmallestThatReach(int clusterBytes, int tableClusters, long size, int expected)
    {
        Assert.True(QedGeometry.TryCreate(clusterBytes, tableClusters, out QedGeometry geometry));
        QedHeader header = new() { Geometry = geometry, L1TableOffset = clusterBytes, VirtualSizeBytes = 0 };

        Assert.Equal(expected, ResizeRules.GeometryFor(header, size, mayShrink: false, "test").TableClusters);
    }

    [Fact]
    public async Task TablesThatGuestsChangeWhileTheyAreCopied_AreCopiedAgain()
    {
        const int Tables = 60;
        SimulatedFile file = Images.Create(Tables * TableSpan, Cluster, 1);
        await using (QedImage image = Images.Open(file))
        {
            long[] first = [.. Enumerable.Range(0, Tables).Select(table => table * TableSpan)];
            Write(image, first);
            image.Flush();
            using StorageGate copying = file.Hold(StorageOperationKind.Read, where: (offset, _) => offset == 2 * Cluster);
            Task resize = image.ResizeAsync(ReachOfOne + 512, mayShrink: false, cancellationToken: TestContext.Current.CancellationToken).AsTask();
            await copying.Reached;
            long[] later = [.. first.Where((_, table) => table % 3 != 0).Select(offset => offset + (7 * Cluster))];
            Write(image, later);
            image.WriteZeroes(first[1], Cluster);
            copying.Release();
            await resize;

            long[] expected = [.. first.Where((_, table) => table != 1), .. later];
            AssertHas(image, expected);
            image.Close();
            using QedImage again = Images.Open(file, readOnly: true);
            Assert.Equal(2, again.Header.Geometry.TableClusters);
            AssertHas(again, expected);
            Assert.Equal(new byte[Cluster], GuestDisk.Read(again, first[1], Cluster));
        }

        Images.AssertClean(file);
    }

    [Theory]
    [InlineData(SimulatedFile.GoodFacts)]
    [InlineData(StorageFacts.CanSetLength)]
    public async Task DiskBeyondTheReach_HasItsContent_AndZerosBehind_AndOneHeaderSectorSwitches(StorageFacts facts)
    {
        const long Old = 700 * TableSpan / 2;
        SimulatedFile file = Images.Create(Old + 512, Cluster, 1, facts: facts);
        long[] places = [0, 5 * Cluster, TableSpan, (3 * TableSpan) - 512, 100 * TableSpan, Old - Cluster];
        await using (QedImage image = Images.Open(file))
        {
            Write(image, places);
            image.Flush();
            int before = file.Trace.Count;

            await image.ResizeAsync(ReachOfOne + 1024, mayShrink: false);

            Assert.Equal(2, image.Header.Geometry.TableClusters);
            AssertHas(image, places);
            Assert.False(GuestDisk.Read(image, Old + 512, 4 * Cluster).AsSpan().ContainsAnyExcept((byte)0));
            Assert.Single(file.Trace.Skip(before), operation => operation.Kind == StorageOperationKind.Write && operation.Offset < Cluster);
            places = [.. places, Old + (40 * Cluster), ReachOfOne + 512];
            Write(image, places[^2..]);
            AssertHas(image, places);
        }

        Images.AssertClean(file);
        await using QedImage again = Images.Open(file);
        Assert.Equal(ReachOfOne + 1024, again.VirtualSizeBytes);
        AssertHas(again, places);
    }

    [Fact]
    public async Task RoomOfTheOldTables_IsGivenBack_AndNothingIsLeaked()
    {
        SimulatedFile file = Images.Create(40 * TableSpan, Cluster, 1);
        long[] places = [.. Enumerable.Range(0, 40).Select(i => i * TableSpan)];
        await using QedImage image = Images.Open(file);
        Write(image, places);

        await image.ResizeAsync(ReachOfOne + 512, mayShrink: false);

        // A new table for two old ones, L1 with two clusters, the data; L1 has moved down again.
        image.Flush();
        AssertHas(image, places);
        Images.AssertClean(file);
        Write(image, [.. Enumerable.Range(1, 41).Select(i => (long)i * Cluster)]);
        AssertHas(image, [.. places, .. Enumerable.Range(1, 41).Select(i => (long)i * Cluster)]);
        await image.CloseAsync();
        Images.AssertClean(file);
    }

    [Fact]
    public async Task ParentThatIsLonger_IsNotSeenInTheNewPart()
    {
        SimulatedFile file = Images.Create((3 * TableSpan) + (7 * Cluster), Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);
        image.SetBeneath(Beneath.UpTo(9 * TableSpan));
        image.Write(TableSpan, ConcurrencyTests.Pattern(Cluster, 1));

        await image.ResizeAsync(ReachOfOne + (5 * Cluster), mayShrink: false);

        Assert.Equal(ExtentKind.Free, image.Map((3 * TableSpan) + (6 * Cluster), Cluster).Kind);
        Assert.Equal(new Extent(ExtentKind.Zero, (6 * TableSpan) - (7 * Cluster)), image.Map((3 * TableSpan) + (7 * Cluster), (6 * TableSpan) - (7 * Cluster)));
        Assert.Equal(ExtentKind.Free, image.Map(9 * TableSpan, Cluster).Kind);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, TableSpan, Cluster));
        await image.CloseAsync();
        Images.AssertClean(file);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DamagedEntry_RefusesTheRelocation_AndChangesNothing(bool inL1)
    {
        SimulatedFile file = Images.Create(5 * TableSpan, Cluster, 1);
        await using (QedImage made = Images.Open(file))
        {
            Write(made, [0, 3 * TableSpan]);
        }

        long table = BitConverter.ToInt64(file.ReadBytes(Cluster, 8));
        file.Poke(inL1 ? Cluster + 16 : table + 80, BitConverter.GetBytes(file.LengthBytes + (20 * Cluster)));
        await using QedImage image = Images.Open(file);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await image.ResizeAsync(ReachOfOne + 512, mayShrink: false));

        Assert.Equal(ImageErrorKind.Corrupt, refusal.Kind);
        Assert.Contains(inL1 ? "L1 entry 2" : "disk cluster 10", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, image.Header.Geometry.TableClusters);
        AssertHas(image, [0, 3 * TableSpan]);
    }

    [Fact]
    public async Task GeometryThatQemuCannotOpen_IsSaid()
    {
        SimulatedFile file = Images.Create(1L << 20, 4 << 20, 2);
        file.KeepsTrace = false;
        await using QedImage image = Images.Open(file);
        Assert.Empty(image.Warnings);

        await image.ResizeAsync((1L << 62) + 512, mayShrink: false);

        Assert.Equal(4, image.Header.Geometry.TableClusters);
        Assert.Contains(image.Warnings, warning => warning.Contains("QEMU cannot open", StringComparison.Ordinal));
    }

    internal static void Write(QedImage image, params long[] places)
    {
        foreach (long place in places)
        {
            GuestDisk.Write(image, place, Pattern(place));
        }
    }

    internal static void AssertHas(QedImage image, params long[] places)
    {
        foreach (long place in places)
        {
            Assert.True(Pattern(place).AsSpan().SequenceEqual(GuestDisk.Read(image, place, 512)), $"at {place}");
        }
    }

    internal static byte[] Pattern(long place) => ConcurrencyTests.Pattern(512, (int)(place / 512 % 1_000_000) + 1);
}
