using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Chains;

/// <summary>An open disk in the place of a parent: it is read, mapped and waited for, and nothing else.</summary>
public sealed class ParentDiskTests : IDisposable
{
    private const int Cluster = 4096;
    private const int Size = 64 * Cluster;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task DeepChainOverAReadOnlyDisk_ReadsWhatThatReads_NowAndWhenItIsRemembered()
    {
        using VirtualDisk parent = OpenParent();
        byte[] expected = TestDisks.ReadAll(parent);
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size), new DiskOpenOptions { ParentDisk = parent });
        disk.Write(3 * Cluster, [33]);
        await disk.SnapshotAsync(_test["first.qed"], cancellationToken: Stop);
        disk.WriteZeroes(9 * Cluster, Cluster);
        await disk.SnapshotAsync(_test["second.qed"], cancellationToken: Stop);
        disk.Write(20 * Cluster, [44]);
        expected[3 * Cluster] = 33;
        expected.AsSpan(9 * Cluster, Cluster).Clear();
        expected[20 * Cluster] = 44;

        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(expected, TestDisks.ReadAll(disk));
        }

        byte[] read = new byte[Size];
        await disk.ReadAsync(0, read, Stop);
        Assert.Equal(expected, read);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Map_OfWhatTheParentDiskHolds_NamesIt_AndNoPlace(bool isAsync)
    {
        using VirtualDisk parent = OpenParent();
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size), new DiskOpenOptions { ParentDisk = parent });

        foreach ((int cluster, ExtentKind kind) in ((int, ExtentKind)[])[(0, ExtentKind.Data), (2, ExtentKind.Zero), (8, ExtentKind.Data)])
        {
            DiskExtent extent = isAsync ? await disk.MapAsync(cluster * Cluster, 1, Stop) : disk.Map(cluster * Cluster, 1);
            Assert.Equal((kind, 1, parent.Path, Extent.NoOffset), (extent.Kind, extent.Depth, extent.Path, extent.StorageOffset));
        }

        Assert.Equal(ExtentKind.Free, disk.Map(60 * Cluster, 1).Kind);
    }

    [Fact]
    public void AsAnImage_ItCanOnlyBeRead_AndClosingItFreesTheDisk()
    {
        using VirtualDisk parent = OpenParent();
        var image = DiskAsImage.Over(parent);

        Assert.Equal((true, ImageCapabilities.None), (image.IsReadOnly, image.Capabilities & (ImageCapabilities.Write | ImageCapabilities.WriteZeroes | ImageCapabilities.Discard)));
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.Write(0, [1])).Kind);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.WriteZeroes(0, 1)).Kind);
        image.Flush();
        Assert.Equal(1, parent.Children.Count);
        image.Close();
        Assert.Equal(0, parent.Children.Count);
    }

    [Fact]
    public void WhileItIsBeingChanged_ItBecomesNobodysParent()
    {
        using VirtualDisk parent = OpenParent();
        Assert.True(parent.Children.TryClose());
        string top = _test.Qed("top.qed", Size);

        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => _test.Host.OpenDisk(top, new DiskOpenOptions { ParentDisk = parent })).Kind);

        parent.Children.Reopen();
        using VirtualDisk disk = _test.Host.OpenDisk(top, new DiskOpenOptions { ParentDisk = parent });
        Assert.Equal(7, TestDisks.ReadAll(disk)[0]);
    }

    [Fact]
    public void ClosedByItsOwner_IsNoFaultOfABackend()
    {
        VirtualDisk parent = OpenParent();
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size), new DiskOpenOptions { ParentDisk = parent });
        parent.Close();

        Assert.Throws<ObjectDisposedException>(() => disk.Read(0, new byte[1]));
        Assert.Throws<ObjectDisposedException>(() => disk.Map(0, 1));
        Assert.Throws<ObjectDisposedException>(() => disk.Write(0, [1]));
    }

    [Theory]
    [InlineData(0, 2, MergeDirection.Down, "was given as an open disk, and cannot be merged")]
    [InlineData(0, 2, MergeDirection.Up, "was given as an open disk, and cannot be merged")]
    [InlineData(0, 1, MergeDirection.Up, "was given as an open disk, and has no name to record")]
    public async Task Merge_WithIt_OrOntoIt_IsRefused_AndSaysWhatToDo(int from, int to, MergeDirection direction, string why)
    {
        using VirtualDisk parent = OpenParent();
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size), new DiskOpenOptions { ParentDisk = parent });
        await disk.SnapshotAsync(_test["over.qed"], cancellationToken: Stop);
        byte[] before = TestDisks.ReadAll(disk);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction }, cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.NotSupported, refused.Kind);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Equal(3, disk.Levels.Count);
        Assert.Equal(before, TestDisks.ReadAll(disk));
        Assert.Equal(1, parent.Children.Count);
    }

    [Fact]
    public async Task Children_ComingAndGoingAtOnce_AreCountedRight()
    {
        const int Rounds = 20_000;
        var use = new ParentUse();
        Assert.True(use.TryEnter());
        int most = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            () =>
            {
                for (int i = 0; i < Rounds; i++)
                {
                    Assert.True(use.TryEnter());
                    Assert.False(use.TryClose());
                    most = Math.Max(most, use.Count);
                    use.Exit();
                }
            },
            Stop)));

        Assert.Equal(1, use.Count);
        Assert.InRange(most, 2, 5);
        use.Exit();
        Assert.True(use.TryClose());
        Assert.False(use.TryClose());
        Assert.False(use.TryEnter());
        Assert.Equal(0, use.Count);
    }

    /// <summary>Two levels: data in the lower one to the cluster 40, in the upper one from 8 to 10, zeros at 2.</summary>
    private VirtualDisk OpenParent()
    {
        using (VirtualDisk lower = _test.Host.OpenDisk(_test.Qed("lower.qed", Size)))
        {
            byte[] data = new byte[40 * Cluster];
            data.AsSpan().Fill(7);
            lower.Write(0, data);
            lower.Close();
        }

        using (VirtualDisk upper = _test.Host.OpenDisk(_test.Qed("upper.qed", Size, "lower.qed")))
        {
            byte[] data = new byte[2 * Cluster];
            data.AsSpan().Fill(8);
            upper.Write(8 * Cluster, data);
            upper.WriteZeroes(2 * Cluster, Cluster);
            upper.Close();
        }

        return _test.Host.OpenDisk(_test["upper.qed"], new DiskOpenOptions { ReadOnly = true });
    }
}
