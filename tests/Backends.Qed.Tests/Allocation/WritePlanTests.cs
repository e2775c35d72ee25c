namespace QedVd.Backends.Qed.Tests.Allocation;

/// <summary>Clusters of 4 KiB, a disk of ten of them and 512 bytes.</summary>
public sealed class WritePlanTests
{
    private const long Disk = (10 * 4096) + 512;

    private static readonly QedGeometry s_geometry = new(12, 1);

    [Theory]
    [InlineData(0, 4096, 4096)]
    [InlineData(0, 4095, 0)]
    [InlineData(0, 8192 + 512, 8192)]
    [InlineData(4096, 4096, 4096)]
    [InlineData(512, 8192, 0)]
    [InlineData(4608, 512, 0)]
    [InlineData(40960, 512, 512)] // the end of the disk
    [InlineData(36864, 4608, 4608)]
    [InlineData(36864, 4096, 4096)]
    [InlineData(40960, 511, 0)]
    public void OverSomethingUnknown_OnlyWholeClustersAreGiven_AndTheLastOfTheDisk(long offset, long length, long expected)
    {
        Assert.Equal(expected, WritePlan.AllocatableBytes(s_geometry, Beneath.Unknown, Disk, offset, length));
    }

    [Theory]
    [InlineData(0, 4095)]
    [InlineData(512, 8192)]
    [InlineData(40960 + 1, 10)]
    public void OverNothing_AnythingIs(long offset, long length)
    {
        Assert.Equal(length, WritePlan.AllocatableBytes(s_geometry, Beneath.Nothing, Disk, offset, length));
    }

    [Theory]
    [InlineData(8192, 512, 512)] // behind it
    [InlineData(8200, 512, 512)]
    [InlineData(4096, 512, 0)] // its last cluster
    [InlineData(4608, 5000, 0)]
    [InlineData(4096, 4096 + 512, 4096 + 512)] // the part of a cluster lies behind it
    [InlineData(0, 4096 + 512, 4096)]
    [InlineData(0, 8192 + 512, 8192 + 512)]
    public void OverAShorterLevel_PartsOfClustersAreGivenBehindIt(long offset, long length, long expected)
    {
        Assert.Equal(expected, WritePlan.AllocatableBytes(s_geometry, Beneath.UpTo(8192), Disk, offset, length));
    }

    [Fact]
    public void OverALevelThatEndsInsideACluster_ThatClusterCountsAsItsOwn()
    {
        Assert.Equal(0, WritePlan.AllocatableBytes(s_geometry, Beneath.UpTo(8193), Disk, 8192, 512));
        Assert.Equal(0, WritePlan.AllocatableBytes(s_geometry, Beneath.UpTo(8193), Disk, 10_000, 512));
        Assert.Equal(512, WritePlan.AllocatableBytes(s_geometry, Beneath.UpTo(8192), Disk, 10_000, 512));
    }

    [Theory]
    [InlineData(0, 4096, 0, 0)]
    [InlineData(512, 512, 512, 3072)]
    [InlineData(512, 3584, 512, 0)]
    [InlineData(0, 4095, 0, 1)]
    [InlineData(4096 + 512, 8192, 512, 3584)]
    public void HostIsAskedForWhatIsMissingAtBothEnds(long offset, long length, long pre, long post)
    {
        Assert.Equal(WriteResult.Free(length, pre, post), WritePlan.AnswerFree(s_geometry, offset, length));
    }

    [Theory]
    [InlineData(512, 8192, 3584, 512, 0)]
    [InlineData(512, 100, 100, 512, 3484)]
    [InlineData(0, 100, 100, 0, 3996)]
    [InlineData(0, 5000, 4096, 0, 0)]
    public void ForTheFirstClusterAlone_TheAnswerEndsWithIt(long offset, long length, long expectedLength, long pre, long post)
    {
        Assert.Equal(WriteResult.Free(expectedLength, pre, post), WritePlan.AnswerFirstCluster(s_geometry, offset, length));
    }
}
