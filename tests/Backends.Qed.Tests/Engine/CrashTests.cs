using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>The power is lost, or the process killed, at each point of a few workloads; what is left must be sound and hold what was flushed.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const int Cluster = 4096;

    // One L2 table of one cluster describes 512 clusters: the disk has two tables.
    private const int Size = 600 * Cluster;
    private const int SecondTable = 512 * Cluster;
    private const StorageFacts NoZeroes = SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero;

    [Theory]
    [InlineData(false, SimulatedFile.GoodFacts)]
    [InlineData(true, SimulatedFile.GoodFacts)]
    [InlineData(false, NoZeroes)]
    [InlineData(true, NoZeroes)]
    public void NewTables_NewClusters_AndRewrites_SurvivePowerLoss(bool withParent, StorageFacts facts) => Explore(
        Start(withParent, facts).Write(0, Cluster).Write(3 * Cluster, 2 * Cluster).Flush().Write(8 * Cluster, Cluster).Write(0, 1024).Flush()
            .Write(SecondTable, Cluster).Write(9 * Cluster, Cluster).Flush().Write(10 * Cluster, Cluster));

    [Theory]
    [InlineData(false, SimulatedFile.GoodFacts)]
    [InlineData(true, SimulatedFile.GoodFacts)]
    [InlineData(true, NoZeroes)]
    public void ZerosAndDiscards_SurvivePowerLoss(bool withParent, StorageFacts facts) => Explore(
        Start(withParent, facts).Write(0, 3 * Cluster).Flush().Zero(Cluster, Cluster).Zero(20 * Cluster, 2 * Cluster).Flush()
            .Write((20 * Cluster) + 512, 512).Discard(0, Cluster).Zero(5 * Cluster, Cluster).Write((5 * Cluster) + 1024, 512).Flush()
            .Write(21 * Cluster, Cluster).Zero(SecondTable, Cluster));

    [Theory]
    [InlineData(false, SimulatedFile.GoodFacts)]
    [InlineData(true, SimulatedFile.GoodFacts)]
    [InlineData(false, NoZeroes)]
    public void PartsOfClusters_SurvivePowerLoss(bool withParent, StorageFacts facts) => Explore(
        Start(withParent, facts).Write(512, 512).Write(7 * Cluster, 512).Flush().Write(2048, 512).Write((8 * Cluster) + 1024, 512).Write(30 * Cluster, 512).Flush()
            .Write(31 * Cluster, 512).Close());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LazyMode_AfterPowerLoss_IsSoundOnceChecked(bool withParent) => Explore(
        Start(withParent, SimulatedFile.GoodFacts, ConsistencyMode.Lazy).Write(0, Cluster).Write(5 * Cluster, Cluster).Flush().Write(SecondTable, Cluster)
            .Write(6 * Cluster, Cluster).Close());

    [Theory]
    [InlineData(ConsistencyMode.Ordered)]
    [InlineData(ConsistencyMode.Lazy)]
    [InlineData(ConsistencyMode.Unsafe)]
    public void KilledProcess_LeavesASoundImage(ConsistencyMode mode)
    {
        CrashWorkload work = Start(withParent: true, SimulatedFile.GoodFacts, mode).Write(0, Cluster).Flush().Write(5 * Cluster, Cluster).Zero(6 * Cluster, Cluster)
            .Write(SecondTable, Cluster).Flush().Write(6 * Cluster, 512).Flush().Close();
        int states = 0;
        foreach (CrashState state in CrashStates.OfProcessKill(work.File))
        {
            work.Verify(state);
            states++;
        }

        output.WriteLine($"{states} states");
        Assert.True(states > 10);
    }

    [Fact]
    public void LazyMode_KilledProcess_LosesNothing()
    {
        CrashWorkload work = Start(withParent: true, SimulatedFile.GoodFacts, ConsistencyMode.Lazy).Write(0, Cluster).Write(SecondTable, 2 * Cluster).Zero(7 * Cluster, Cluster);
        SimulatedFile left = work.File.Copy();

        Assert.True(Header(left).NeedsCheck);
        using (QedImage image = Images.Open(left))
        {
            Assert.Equal(work.Image.Map(0, Cluster), image.Map(0, Cluster));
            Assert.Equal(GuestDisk.Read(work.Image, SecondTable, 2 * Cluster), GuestDisk.Read(image, SecondTable, 2 * Cluster));
            Assert.Equal(ExtentKind.Zero, image.Map(7 * Cluster, Cluster).Kind);
        }

        work.Close();
        Assert.False(Header(work.File).NeedsCheck);
    }

    private static QedHeader Header(SimulatedFile file) => QedHeader.Parse(file.ReadBytes(0, QedHeader.SizeBytes), file.LengthBytes, "test");

    private static CrashWorkload Start(bool withParent, StorageFacts facts, ConsistencyMode mode = ConsistencyMode.Ordered)
    {
        byte[]? parent = withParent ? new byte[Size - 100000] : null;
        if (parent is not null)
        {
            Array.Fill(parent, (byte)0xAA);
        }

        return new CrashWorkload(Images.Create(Size, Cluster, 1, withParent, facts), Size, parent, mode).Open();
    }

    private void Explore(CrashWorkload work)
    {
        int states = 0;
        foreach (CrashState state in CrashStates.OfPowerLoss(work.File, new PowerLossOptions { ExhaustiveUnits = 4, Samples = 3 }))
        {
            work.Verify(state);
            states++;
        }

        output.WriteLine($"{states} states");
        Assert.True(states > 20);
        work.Image.Dispose();
    }
}
