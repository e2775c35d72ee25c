using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Format;

/// <summary>A header area of two clusters, L1 in the clusters 10 and 11, and a file of 20 clusters and a part of one.</summary>
public sealed class QedReferenceRulesTests
{
    private const long Cluster = 4096;

    private static readonly QedHeaderBytes s_header = new() { HeaderSize = 2, L1Offset = 10 * Cluster };
    private readonly QedReferenceRules _rules = Rules(20);

    [Theory]
    [InlineData(2, nameof(QedReferenceProblem.None))]
    [InlineData(9, nameof(QedReferenceProblem.None))]
    [InlineData(10, nameof(QedReferenceProblem.InL1))]
    [InlineData(11, nameof(QedReferenceProblem.InL1))]
    [InlineData(12, nameof(QedReferenceProblem.None))]
    [InlineData(19, nameof(QedReferenceProblem.None))]
    [InlineData(20, nameof(QedReferenceProblem.OutsideFile))]
    [InlineData(21, nameof(QedReferenceProblem.OutsideFile))]
    [InlineData(0, nameof(QedReferenceProblem.InHeader))]
    [InlineData(1, nameof(QedReferenceProblem.InHeader))]
    public void Cluster_LiesBetweenTheHeaderAndTheEnd_AndNotInL1(int cluster, string expected)
    {
        Assert.Equal(expected, _rules.CheckCluster((ulong)(cluster * Cluster)).ToString());
    }

    [Theory]
    [InlineData(2, nameof(QedReferenceProblem.None))]
    [InlineData(8, nameof(QedReferenceProblem.None))]
    [InlineData(9, nameof(QedReferenceProblem.InL1))] // its second cluster
    [InlineData(11, nameof(QedReferenceProblem.InL1))]
    [InlineData(12, nameof(QedReferenceProblem.None))]
    [InlineData(18, nameof(QedReferenceProblem.None))]
    [InlineData(19, nameof(QedReferenceProblem.OutsideFile))]
    [InlineData(1, nameof(QedReferenceProblem.InHeader))]
    public void Table_LiesThereWithAllItsClusters(int cluster, string expected)
    {
        Assert.Equal(expected, _rules.CheckTable((ulong)(cluster * Cluster)).ToString());
    }

    [Theory]
    [InlineData((3 * Cluster) + 1)]
    [InlineData((3 * Cluster) - 1)]
    [InlineData((3 * Cluster) + 2048)]
    [InlineData((40 * Cluster) + 512)]
    [InlineData(17L)]
    [InlineData(-1L)]
    public void OffsetInsideACluster_IsUnaligned_WhereverItLies(long offset)
    {
        Assert.Equal(QedReferenceProblem.Unaligned, _rules.CheckCluster((ulong)offset));
        Assert.Equal(QedReferenceProblem.Unaligned, _rules.CheckTable((ulong)offset));
    }

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(-Cluster)]
    [InlineData(-2 * Cluster)]
    [InlineData(1L << 40)]
    public void OffsetThatIsNoLengthOfAFile_IsOutside_AndNothingWraps(long offset)
    {
        Assert.Equal(QedReferenceProblem.OutsideFile, _rules.CheckCluster((ulong)offset));
        Assert.Equal(QedReferenceProblem.OutsideFile, _rules.CheckTable((ulong)offset));
    }

    [Fact]
    public void FileThatWasCutSinceItsHeaderWasRead_HasNoPlace()
    {
        QedReferenceRules cut = Rules(0);

        Assert.Equal(0UL, cut.FileEnd);
        Assert.Equal(QedReferenceProblem.OutsideFile, cut.CheckCluster(0));
        Assert.Equal(QedReferenceProblem.OutsideFile, cut.CheckTable(3 * Cluster));
        Assert.Equal(QedReferenceProblem.InHeader, Rules(2).CheckTable(0)); // as long as a table
        Assert.Equal(QedReferenceProblem.OutsideFile, Rules(1).CheckTable(0));
    }

    [Theory]
    [InlineData(2, 20, 8)]
    [InlineData(9, 20, 1)]
    [InlineData(12, 20, 8)]
    [InlineData(19, 20, 1)]
    [InlineData(3, 5, 2)] // cut before L1
    public void Room_EndsAtL1_OrWithTheFile(int cluster, int fileClusters, int expected)
    {
        Assert.Equal((ulong)(expected * Cluster), Rules(fileClusters).RoomFrom((ulong)(cluster * Cluster)));
    }

    [Theory]
    [InlineData(nameof(QedReferenceProblem.None), "valid")]
    [InlineData(nameof(QedReferenceProblem.Unaligned), "no multiple of the cluster size 4096")]
    [InlineData(nameof(QedReferenceProblem.OutsideFile), "not inside the file, whose last whole cluster ends at 81920")]
    [InlineData(nameof(QedReferenceProblem.InHeader), "inside the header area, which ends at 8192")]
    [InlineData(nameof(QedReferenceProblem.InL1), "inside the L1 table at 40960 to 49152")]
    public void Words_NameTheBounds(string problem, string expected)
    {
        Assert.Equal(expected, _rules.Describe(Enum.Parse<QedReferenceProblem>(problem)));
    }

    [Fact]
    public void Ends_AreThoseOfWholeClusters()
    {
        Assert.Equal((2UL * Cluster, 20UL * Cluster), (_rules.HeaderEnd, _rules.FileEnd));
    }

    private static QedReferenceRules Rules(int fileClusters) => new(s_header.Parse(), (fileClusters * Cluster) + (fileClusters > 0 ? 1000 : 0));
}
