using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Compaction;

/// <summary>What a compaction leaves: the same disk in the shortest file.</summary>
public sealed class CompactionTests
{
    public static TheoryData<int, int, int> Geometries() => new() { { 4096, 1, 700 }, { 4096, 2, 1500 }, { 4096, 16, 500 }, { 8192, 4, 300 }, { 65536, 4, 60 }, { 2 << 20, 1, 6 } };

    [Theory]
    [MemberData(nameof(Geometries))]
    public async Task OverNothing_TheFileBecomesAsShortAsItCan_AndReadsAsBefore(int clusterBytes, int tableClusters, int clusters)
    {
        for (int seed = 1; seed <= 6; seed++)
        {
            CompactionImage made = CompactionImage.Draw(seed, clusterBytes, tableClusters, withParent: false, clusters);
            await CompactAsync(made, new CompactOptions(), $"seed {seed}", poolPages: 1 + (seed % 5 * 100));
            Assert.Equal(made.ShortestBytes(Geometry(made.File)), made.File.LengthBytes);
        }
    }

    [Theory]
    [MemberData(nameof(Geometries))]
    public async Task OverAParent_ZerosStayZeros_AndWhatTheParentHasGoesOnlyWhenAsked(int clusterBytes, int tableClusters, int clusters)
    {
        for (int seed = 21; seed <= 24; seed++)
        {
            CompactionImage made = CompactionImage.Draw(seed, clusterBytes, tableClusters, withParent: true, clusters);
            await CompactAsync(made, new CompactOptions(), $"seed {seed}");
            long withoutAsking = made.File.LengthBytes;
            await CompactAsync(made, new CompactOptions { EqualsBeneath = made.EqualsBeneath }, $"seed {seed}, asked");
            Assert.True(made.File.LengthBytes <= withoutAsking);
            Assert.Equal(made.Asked(Geometry(made.File)), made.File.LengthBytes);
        }
    }

    [Theory]
    [InlineData(StorageFacts.CanSetLength)]
    [InlineData(StorageFacts.CanSetLength | StorageFacts.CanPunchHoles)]
    [InlineData(StorageFacts.CanSetLength | StorageFacts.CanMapHoles | StorageFacts.CanPunchHoles)]
    [InlineData(StorageFacts.CanSetLength | StorageFacts.NeverWrittenReadsZero)]
    public async Task OnAPoorStorage_TheFileBecomesAsShort(StorageFacts facts)
    {
        for (int seed = 41; seed <= 43; seed++)
        {
            CompactionImage made = CompactionImage.Draw(seed, 4096, 2, withParent: false, 600, facts);
            await CompactAsync(made, new CompactOptions(), $"seed {seed}");
            Assert.Equal(made.ShortestBytes(Geometry(made.File)), made.File.LengthBytes);
        }
    }

    [Fact]
    public async Task OnAStorageOfFixedLength_NothingMoves_AndGuestsGetWhatIsFree()
    {
        CompactionImage made = CompactionImage.Draw(7, 4096, 2, withParent: false, 600);
        SimulatedFile file = made.File.Copy(SimulatedFile.GoodFacts & ~StorageFacts.CanSetLength);
        long length = file.LengthBytes;
        using QedImage image = CompactionImage.Open(file, null);
        await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken);
        made.AssertContent(image);
        Assert.Equal(length, file.LengthBytes);
        Assert.True(file.LengthBytes - image.GetFileSize().AllocatedBytes > 40 * 4096);
        int free = Enumerable.Range(0, made.Content.Length / 4096).First(cluster => image.Map(cluster * 4096, 4096).Kind == ExtentKind.Free);
        GuestDisk.Write(image, free * 4096L, new byte[] { 1, 2, 3 });
        made.Content[free * 4096] = 1;
        made.Content[(free * 4096) + 1] = 2;
        made.Content[(free * 4096) + 2] = 3;
        made.AssertContent(image);
        image.Close();
        Assert.True(Images.Check(file).IsSound);
    }

    [Theory]
    [InlineData(ConsistencyMode.Lazy)]
    [InlineData(ConsistencyMode.WriteThrough)]
    [InlineData(ConsistencyMode.Unsafe)]
    public async Task InEveryMode_TheFileBecomesAsShort(ConsistencyMode mode)
    {
        CompactionImage made = CompactionImage.Draw(51, 4096, 2, withParent: true, 900);
        await CompactAsync(made, new CompactOptions { EqualsBeneath = made.EqualsBeneath }, $"{mode}", mode: mode);
        Assert.Equal(made.Asked(Geometry(made.File)), made.File.LengthBytes);
    }

    [Fact]
    public async Task WithoutLookingAtData_OnlyHolesGo()
    {
        SimulatedFile file = Images.Create(100 * 4096);
        using (QedImage made = Images.Open(file))
        {
            GuestDisk.Write(made, 0, new byte[10 * 4096]);
            made.Discard(3 * 4096, 4096);
        }

        long length = file.LengthBytes;
        using QedImage image = Images.Open(file);
        await image.CompactAsync(new CompactOptions { DropZeroBlocks = false }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(length - 4096, file.LengthBytes);
        Assert.Equal(ExtentKind.Free, image.Map(3 * 4096, 4096).Kind);
        await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(3 * 4096, file.LengthBytes);
    }

    [Fact]
    public async Task WhatWasDropped_OverAParent_ReadsAsZero_NotAsTheParent()
    {
        byte[] parent = ConcurrencyTests.Pattern(100 * 4096, 5);
        SimulatedFile file = Images.Create(100 * 4096, withParent: true);
        using QedImage image = CompactionImage.Open(file, parent);
        GuestDisk.Write(image, 0, new byte[4 * 4096], parent);
        image.Discard(2 * 4096, 4096);
        await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(ExtentKind.Zero, image.Map(0, 4 * 4096).Kind);
        Assert.Equal(4 * 4096, image.Map(0, 5 * 4096).LengthBytes);
        image.Close();
        using QedImage again = CompactionImage.Open(file, parent);
        Assert.Equal(new byte[4 * 4096], GuestDisk.Read(again, 0, 4 * 4096, parent));
    }

    [Fact]
    public async Task WithZeroesToBeHonoured_AMarkerStays()
    {
        SimulatedFile file = Images.Create(100 * 4096);
        using QedImage image = Images.Open(file);
        await image.SetOpenFlagsAsync(ImageOpenFlags.HonorZeroes, TestContext.Current.CancellationToken);
        GuestDisk.Write(image, 0, new byte[4096]);
        image.WriteZeroes(4096, 4096);
        await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal((ExtentKind.Zero, 2 * 4096L), (image.Map(0, 3 * 4096).Kind, image.Map(0, 3 * 4096).LengthBytes));
    }

    [Fact]
    public async Task ADamagedImage_IsRefused_NamesTheRepair_AndIsNotChanged()
    {
        SimulatedFile file = Images.Create(100 * 4096);
        using (QedImage made = Images.Open(file))
        {
            GuestDisk.Write(made, 0, ConcurrencyTests.Pattern(10 * 4096, 1));
            made.Discard(4096, 4096);
        }

        // The table is behind header and L1: its third entry becomes the first.
        file.Poke((3 * 4096) + 16, file.ReadBytes(3 * 4096, 8));
        string before = file.ComputeHash();
        using QedImage image = Images.Open(file);
        ImageException failure = await Assert.ThrowsAsync<ImageException>(async () => await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(ImageErrorKind.Corrupt, failure.Kind);
        Assert.Contains("qedvd check -r all", failure.Message, StringComparison.Ordinal);
        image.Close();
        Assert.Equal(before, file.ComputeHash());
    }

    [Fact]
    public async Task ReadOnly_IsRefused()
    {
        SimulatedFile file = Images.Create(100 * 4096);
        using QedImage image = Images.Open(file, readOnly: true);
        Assert.Equal(ImageCapabilities.None, image.Capabilities & ImageCapabilities.Compact);
        ImageException failure = await Assert.ThrowsAsync<ImageException>(async () => await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(ImageErrorKind.ReadOnly, failure.Kind);
    }

    [Fact]
    public async Task Progress_NeverGoesBack_AndEndsWithAllDone()
    {
        CompactionImage made = CompactionImage.Draw(3, 65536, 4, withParent: false, 400);
        List<OperationProgress> told = [];
        using QedImage image = made.Open();
        await image.CompactAsync(new CompactOptions(), new Told(told.Add), TestContext.Current.CancellationToken);
        Assert.True(told.Count > 2);
        Assert.Equal(told.Select(each => each.DoneBytes).Order(), told.Select(each => each.DoneBytes));
        Assert.All(told, each => Assert.True(each.DoneBytes <= each.TotalBytes));
        Assert.Equal(told[^1].TotalBytes, told[^1].DoneBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Qemu_FindsTheResultClean_AndItsOwnConvertedCopyIsNoShorter(bool withParent)
    {
        using QemuImg qemu = new();
        for (int seed = 61; seed <= 62; seed++)
        {
            CompactionImage made = CompactionImage.Draw(seed, seed % 2 == 0 ? 65536 : 4096, 2, withParent, 200);
            if (made.Parent is not null)
            {
                await File.WriteAllBytesAsync(qemu.PathOf("parent.qed"), made.Parent, TestContext.Current.CancellationToken);
            }

            await CompactAsync(made, new CompactOptions { EqualsBeneath = withParent ? made.EqualsBeneath : null }, $"seed {seed}");
            qemu.Save(made.File);
            if (withParent)
            {
                (await qemu.RunAsync("rebase", "-u", "-f", "qed", "-b", "parent.qed", "-F", "raw", "a.qed")).ShouldExitWith(0);
            }

            (await qemu.RunAsync("check", "-f", "qed", "a.qed")).ShouldExitWith(0);
            string[] target = withParent ? ["-o", $"cluster_size={Geometry(made.File).ClusterBytes},table_size=2", "-B", "parent.qed", "-F", "raw"] : ["-o", $"cluster_size={Geometry(made.File).ClusterBytes},table_size=2"];
            (await qemu.RunAsync(["convert", "-f", "qed", "-O", "qed", .. target, "a.qed", "b.qed"])).ShouldExitWith(0);
            Assert.True(made.File.LengthBytes <= new FileInfo(qemu.PathOf("b.qed")).Length, $"seed {seed}: {made.File.LengthBytes}");
            (await qemu.RunAsync("compare", "-f", "qed", "-F", "qed", "a.qed", "b.qed")).ShouldExitWith(0);
        }
    }

    private static QedGeometry Geometry(SimulatedFile file) => QedHeader.Parse(file.ReadBytes(0, QedHeader.SizeBytes), file.LengthBytes, "test").Geometry;

    private static async Task CompactAsync(CompactionImage made, CompactOptions options, string what, int poolPages = 1000, ConsistencyMode mode = ConsistencyMode.Ordered)
    {
        TablePool pool = new(poolPages * TablePage.SizeBytes);
        QedImage image = made.Open(mode, pool);
        long before = image.GetFileSize().AllocatedBytes;
        made.AssertContent(image, $"before, {what}");
        await image.CompactAsync(options, cancellationToken: TestContext.Current.CancellationToken);
        made.AssertContent(image, $"after, {what}");
        Assert.True((made.File.Facts & StorageFacts.CanPunchHoles) == 0 || image.GetFileSize().AllocatedBytes <= before, $"{what}: {image.GetFileSize().AllocatedBytes} bytes of room, before {before}");
        image.Close();
        Images.AssertClean(made.File);
        Assert.Equal((0, 0), (pool.PagesInUse, pool.DirtyPages));
        using QedImage again = made.Open();
        made.AssertContent(again, $"opened again, {what}");
    }

    private sealed class Told(Action<OperationProgress> told) : IProgress<OperationProgress>
    {
        public void Report(OperationProgress value) => told(value);
    }
}
