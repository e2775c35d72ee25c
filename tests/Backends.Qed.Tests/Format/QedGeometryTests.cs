namespace QedVd.Backends.Qed.Tests.Format;

public sealed class QedGeometryTests
{
    private const long K = 1 << 10;
    private const long M = 1 << 20;

    [Theory]
    [InlineData(4 * K, 2, 1L << 32)]
    [InlineData(4 * K, 4, 1L << 34)]
    [InlineData(4 * K, 16, 1L << 38)]
    [InlineData(64 * K, 4, 1L << 46)]
    [InlineData(64 * K, 16, 1L << 50)]
    [InlineData(1 * M, 16, 1L << 62)]
    [InlineData(2 * M, 4, 1L << 61)]
    [InlineData(2 * M, 8, long.MaxValue - 511)]
    [InlineData(2 * M, 16, long.MaxValue - 511)]
    [InlineData(64 * M, 1, long.MaxValue - 511)]
    [InlineData(64 * M, 16, long.MaxValue - 511)]
    public void MaxVirtualSize_IsTheFormula_CappedWhereItExceedsASignedNumber(long cluster, long table, long expected)
    {
        Assert.True(QedGeometry.TryCreate(cluster, table, out QedGeometry geometry));

        Assert.Equal(expected, geometry.MaxVirtualSizeBytes);
    }

    [Theory]
    [InlineData(64 * K, 4, true)]
    [InlineData(64 * K, 1, false)]
    [InlineData(2 * M, 8, true)]
    [InlineData(2 * M, 16, false)]
    [InlineData(4 * M, 2, true)]
    [InlineData(4 * M, 4, false)]
    [InlineData(8 * M, 1, false)]
    [InlineData(64 * M, 16, false)]
    public void IsUsableByQemu_FollowsItsTwoLimits(long cluster, long table, bool expected)
    {
        Assert.True(QedGeometry.TryCreate(cluster, table, out QedGeometry geometry));

        Assert.Equal(expected, geometry.IsUsableByQemu);
    }

    [Theory]
    [InlineData(2 * K, 4)]
    [InlineData(0, 4)]
    [InlineData((64 * K) + 1, 4)]
    [InlineData(128 * M, 4)]
    [InlineData(1L << 32, 4)]
    [InlineData(64 * K, 0)]
    [InlineData(64 * K, 3)]
    [InlineData(64 * K, 32)]
    [InlineData(64 * K, -1)]
    [InlineData(-64 * K, 4)]
    public void TryCreate_SizeThatIsNotLegal_IsRefused(long cluster, long table)
    {
        Assert.False(QedGeometry.TryCreate(cluster, table, out _));
    }

    [Fact]
    public void Split_OfEveryLegalGeometry_IsUndoneByMultiplying()
    {
        var random = new Random(1);
        for (int clusterBits = QedGeometry.MinClusterBits; clusterBits <= QedGeometry.MaxClusterBits; clusterBits++)
        {
            for (int tableBits = 0; tableBits <= QedGeometry.MaxTableBits; tableBits++)
            {
                var geometry = new QedGeometry(clusterBits, tableBits);
                long max = geometry.MaxVirtualSizeBytes;
                foreach (long offset in new[] { 0, 1, geometry.ClusterBytes - 1, geometry.ClusterBytes, geometry.BytesPerL2 - 1, geometry.BytesPerL2 % max, max - 1, random.NextInt64(max) })
                {
                    QedPosition position = geometry.Split(offset);

                    Assert.InRange(position.L1Index, 0, geometry.EntriesPerTable - 1);
                    Assert.InRange(position.L2Index, 0, geometry.EntriesPerTable - 1);
                    Assert.InRange(position.OffsetInCluster, 0, geometry.ClusterBytes - 1);
                    Int128 undone = ((Int128)position.L1Index * geometry.BytesPerL2) + ((Int128)position.L2Index * geometry.ClusterBytes) + position.OffsetInCluster;
                    Assert.Equal(offset, undone);
                }

                Assert.Equal(0, geometry.L1EntriesFor(0));
                Assert.Equal(1, geometry.L1EntriesFor(512));
                Assert.InRange(geometry.L1EntriesFor(max), 1, geometry.EntriesPerTable);
                Assert.Equal(geometry.Split(max - 1).L1Index + 1, geometry.L1EntriesFor(max));
                Assert.Equal(0, geometry.ClustersFor(0));
                Assert.Equal(1, geometry.ClustersFor(512));
                Assert.Equal(1, geometry.ClustersFor(geometry.ClusterBytes));
                Assert.Equal(2, geometry.ClustersFor(geometry.ClusterBytes + 512));
            }
        }
    }
}
