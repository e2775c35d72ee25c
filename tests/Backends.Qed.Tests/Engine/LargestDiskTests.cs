using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>A disk of 2^63 - 512 bytes, the largest there is: its last cluster ends where no number goes.</summary>
public sealed class LargestDiskTests
{
    private const int Cluster = 2 << 20;
    private const int Sector = 512;
    private const long Size = QedGeometry.LargestVirtualSizeBytes;
    private const long LastCluster = Size - (Cluster - Sector);

    [Fact]
    public void LastCluster_OverAParent_AnswersWhatTheHostMustSupply()
    {
        using QedImage image = Open(withParent: true);

        Assert.Equal(WriteResult.Free(Sector, Cluster - (2 * Sector), Sector), image.Write(Size - Sector, new byte[Sector]));
        Assert.Equal(WriteResult.Free(Sector, Cluster - (2 * Sector), Sector), image.WriteZeroes(Size - Sector, Sector));
        Assert.Equal(WriteResult.Free(2 * Sector, Cluster - (2 * Sector), 0), image.Write(Size - Sector, new byte[2 * Sector]));
        Assert.Equal(WriteResult.Free(Cluster, 0, 0), image.Write(LastCluster, new byte[Cluster], WriteFlags.NoAllocate));
        Assert.Equal(WriteResult.Done(Sector), image.Discard(Size - Sector, Sector));
        Assert.Equal(WriteResult.Done(2 * Sector), image.Discard(Size - Sector, 2 * Sector));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LastCluster_IsWrittenZeroedAndRead(bool withParent)
    {
        using QedImage image = Open(withParent);
        byte[] data = ConcurrencyTests.Pattern(Cluster, 1);

        Assert.Equal(WriteResult.Done(Cluster), image.WriteZeroes(LastCluster, Cluster));
        Assert.Equal(new byte[Sector], GuestDisk.Read(image, Size - Sector, Sector));
        Assert.Equal(WriteResult.Done(Cluster), image.Write(LastCluster, data));
        Assert.Equal(data[..(Cluster - Sector)], GuestDisk.Read(image, LastCluster, Cluster - Sector));
        Assert.Equal(WriteResult.Done(Sector), image.Write(Size - Sector, data.AsSpan(0, Sector)));
        Assert.Equal(WriteResult.Done(2 * Sector), image.Write(Size - Sector, data.AsSpan(0, 2 * Sector)));
        image.Flush();
        Assert.Equal(data[..Sector], GuestDisk.Read(image, Size - Sector, Sector));
        Assert.Equal(ExtentKind.Data, image.Map(LastCluster, Cluster - Sector).Kind);
        Assert.Equal(WriteResult.Done(2 * Sector), image.Discard(Size - Sector, 2 * Sector));
        Assert.Equal(new byte[Sector], GuestDisk.Read(image, Size - Sector, Sector));
    }

    private static QedImage Open(bool withParent)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 8, withParent);
        file.KeepsTrace = false;
        return Images.Open(file);
    }
}
