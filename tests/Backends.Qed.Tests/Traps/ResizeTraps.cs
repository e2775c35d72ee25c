using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Traps;

/// <summary>Other sizes.</summary>
public sealed class ResizeTraps
{
    private const int Cluster = 4096;

    /// <summary>Beyond what the tables reach there are larger ones, never a wrap; beyond those, a refusal.</summary>
    [Theory]
    [InlineData(1, 1L << 30)]
    [InlineData(2, 1L << 32)]
    [InlineData(4, 1L << 34)]
    [InlineData(8, 1L << 36)]
    [Trap("D19", "D20")]
    public async Task GrowthBeyondTheTablesReach_TakesLargerTables_AndNothingMeets(int tableClusters, long reach)
    {
        SimulatedFile file = Images.Create(reach, Cluster, tableClusters);
        await using (QedImage image = Images.Open(file))
        {
            GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(512, 1));
            GuestDisk.Write(image, reach - 512, ConcurrencyTests.Pattern(512, 2));
            await image.ResizeAsync(reach + 512, mayShrink: false);
            Assert.Equal(new byte[512], GuestDisk.Read(image, reach, 512));
            GuestDisk.Write(image, reach, ConcurrencyTests.Pattern(512, 3));
        }

        Assert.True(new QedBytes(file).TableClusters > tableClusters);
        Images.AssertClean(new LeakFree(file).File);
        await using QedImage again = Images.Open(file);
        Assert.Equal(
            [ConcurrencyTests.Pattern(512, 1), ConcurrencyTests.Pattern(512, 2), ConcurrencyTests.Pattern(512, 3)],
            new[] { 0, reach - 512, reach }.Select(offset => GuestDisk.Read(again, offset, 512)));
    }

    [Fact]
    [Trap("D19", "D20", "D51")]
    public async Task SizeBeyondAllTables_IsRefusedAsAnArgument_NotAccepted()
    {
        SimulatedFile file = Images.Create(1 << 20, 65536, 4);
        await using QedImage image = Images.Open(file);
        string before = file.ComputeHash();

        foreach (long size in new[] { (1L << 50) + 512, 1L << 56, long.MaxValue - 511 })
        {
            Assert.Equal(ImageErrorKind.InvalidArgument, (await Assert.ThrowsAsync<ImageException>(async () => await image.ResizeAsync(size, mayShrink: false))).Kind);
        }

        Assert.Equal((before, 1L << 20), (file.ComputeHash(), image.VirtualSizeBytes));
        await image.ResizeAsync(1L << 46, mayShrink: false);
        Assert.Equal((4L, 1L << 46), (new QedBytes(file).TableClusters, new QedBytes(file).SizeBytes));
        await image.ResizeAsync(1L << 50, mayShrink: false);
        Assert.Equal((16L, 1L << 50), (new QedBytes(file).TableClusters, new QedBytes(file).SizeBytes));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(513)]
    [InlineData((20 * Cluster) + 1)]
    [Trap("D21")]
    public async Task SizeThatIsNoMultipleOfASector_IsRefused_AndTheImageOpensAgain(long size)
    {
        SimulatedFile file = Images.Create(10 * Cluster);
        await using (QedImage image = Images.Open(file))
        {
            Assert.Equal(ImageErrorKind.InvalidArgument, (await Assert.ThrowsAsync<ImageException>(async () => await image.ResizeAsync(size, mayShrink: true))).Kind);
        }

        await using QedImage again = Images.Open(file);
        Assert.Equal(10 * Cluster, again.VirtualSizeBytes);
    }

    [Theory]
    [InlineData(30 * Cluster)]
    [InlineData((5 * Cluster) + 512)]
    [InlineData(0)]
    [Trap("D22")]
    public async Task SizeAndRegions_AreCurrentAtOnce_AndAGeometryOfTheOldSizeIsGone(long size)
    {
        SimulatedFile file = Images.Create(10 * Cluster);
        await using QedImage image = Images.Open(file);
        image.LogicalGeometry = image.PhysicalGeometry = new DiskGeometry(1, 2, 3);

        await image.ResizeAsync(size, mayShrink: true);

        Assert.Equal((size, size), (image.VirtualSizeBytes, image.Regions.Sum(region => region.LengthBytes)));
        Assert.Equal((null, null), (image.LogicalGeometry, image.PhysicalGeometry));
        Assert.Throws<ArgumentOutOfRangeException>(() => image.Read(size, new byte[1]));
        Assert.Equal(Math.Min(size, 512), image.Read(Math.Max(0, size - 512), new byte[Math.Min(size, 512)]).Length);
        Assert.Equal(size, new QedBytes(file).SizeBytes);
    }

    [Fact]
    [Trap("D23")]
    public async Task ResizeOfAReadOnlyImage_IsRefused_ShrinkingHasToBeMeant_AndProgressIsTold()
    {
        SimulatedFile file = Images.Create(10 * Cluster);
        string before = file.ComputeHash();

        // The storage could be written: it is the image that says no.
        await using (IDiskImage readOnly = new QedBackend().Open(file.Open(), new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly }))
        {
            foreach (long size in new[] { Cluster, 20 * Cluster })
            {
                Assert.Equal(ImageErrorKind.ReadOnly, (await Assert.ThrowsAsync<ImageException>(async () => await readOnly.ResizeAsync(size, mayShrink: true))).Kind);
            }
        }

        await using QedImage image = Images.Open(file);
        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await image.ResizeAsync(Cluster, mayShrink: false));
        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Contains("lost", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(before, file.ComputeHash());
        Told told = new();
        await image.ResizeAsync(Cluster, mayShrink: true, told);
        Assert.NotEmpty(told.Reports);
        Assert.Equal(Cluster, new QedBytes(file).SizeBytes);
    }

    /// <summary>Each kind of resize with a fault or a crash at any point: old or new size, nothing lost that is inside both, zeros where it is new.</summary>
    [Theory]
    [InlineData("grow")]
    [InlineData("grow over a longer parent")]
    [InlineData("grow beyond the tables")]
    [InlineData("shrink")]
    [InlineData("shrink over a parent")]
    [Trap("D22", "D23")]
    public async Task Resize_WithAFaultAtEachOfItsOperations_IsOldOrNew_AndCanBeTriedAgain(string what)
    {
        int old = what.StartsWith("shrink", StringComparison.Ordinal) ? (14 * Cluster) + 512 : (6 * Cluster) + 512;
        int size = what.StartsWith("shrink", StringComparison.Ordinal) ? (6 * Cluster) + 512 : (14 * Cluster) + 512;
        byte[]? parent = what.Contains("parent", StringComparison.Ordinal) ? ConcurrencyTests.Pattern(20 * Cluster, 3) : null;
        SimulatedFile file = Images.Create(old, Cluster, 1, parent is not null);
        byte[] before = new byte[old];
        parent?.AsSpan(0, old).CopyTo(before);
        using (QedImage image = Images.Open(file))
        {
            foreach (int cluster in new[] { 1, 2, 6, 9 }.Where(cluster => cluster * Cluster < old))
            {
                byte[] data = ConcurrencyTests.Pattern(Math.Min(Cluster, old - (cluster * Cluster)), cluster);
                data.CopyTo(before, cluster * Cluster);
                GuestDisk.Write(image, cluster * Cluster, data, parent);
            }
        }

        byte[] after = new byte[size];
        before.AsSpan(0, Math.Min(old, size)).CopyTo(after);
        long target = what.EndsWith("tables", StringComparison.Ordinal) ? (1L << 30) + 512 : size;
        int struck = await FaultLoop.RunAsync(new FaultScenario
        {
            Name = what,
            Backend = new QedBackend(),
            File = file.Copy(),
            Parent = parent,
            Before = before,
            After = target == size ? after : before,
            ComparedBytes = target == size ? int.MaxValue : old,
            ZerosAreFine = what.StartsWith("shrink", StringComparison.Ordinal) ? size : int.MaxValue,
            Act = image => image.ResizeAsync(target, mayShrink: true),
            IsDurableWhenDone = true,
            FencesInDoubt = true,
            IsAsBefore = image => image.VirtualSizeBytes == old,
            IsAsAfter = image => image.VirtualSizeBytes == target,
        });

        Assert.InRange(struck, 10, int.MaxValue);
    }

    /// <summary>Room is given back, and a fault or a crash at any point costs nothing.</summary>
    [Fact]
    [Trap("D51")]
    public async Task Compaction_WithAFaultAtEachOfItsOperations_LosesNothing()
    {
        byte[] disk = new byte[16 * Cluster];
        SimulatedFile file = Images.Create(disk.Length, Cluster, 1);
        using (QedImage image = Images.Open(file))
        {
            for (int cluster = 0; cluster < 12; cluster++)
            {
                byte[] data = cluster % 3 == 1 ? new byte[Cluster] : ConcurrencyTests.Pattern(Cluster, cluster);
                data.CopyTo(disk, cluster * Cluster);
                GuestDisk.Write(image, cluster * Cluster, data);
            }
        }

        SimulatedFile compacted = file.Copy();
        await using (QedImage image = Images.Open(compacted))
        {
            await image.CompactAsync(new CompactOptions());
        }

        Assert.Equal(file.LengthBytes - (4 * Cluster), compacted.LengthBytes);
        Images.AssertClean(compacted);
        int struck = await FaultLoop.RunAsync(new FaultScenario
        {
            Name = "compact",
            Backend = new QedBackend(),
            File = file.Copy(),
            Before = disk,
            Act = image => image.CompactAsync(new CompactOptions()),
            IsDurableWhenDone = true,
        });
        Assert.InRange(struck, 10, int.MaxValue);
    }

    /// <summary>Larger tables leave the room of the old ones as leaks in the file: those are not what is looked for here.</summary>
    private sealed class LeakFree
    {
        public LeakFree(SimulatedFile file)
        {
            File = file.Copy();
            using SimulatedStorage storage = File.Open();
            SyncIo.Complete(new QedBackend().CheckAsync(storage, new CheckOptions { Repair = RepairMode.Leaks }));
        }

        public SimulatedFile File { get; }
    }

    private sealed class Told : IProgress<OperationProgress>
    {
        public List<OperationProgress> Reports { get; } = [];

        public void Report(OperationProgress value) => Reports.Add(value);
    }
}
