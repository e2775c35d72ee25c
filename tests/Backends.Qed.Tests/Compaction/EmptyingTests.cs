using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Compaction;

/// <summary>A compaction that is told what lies beneath in the same form: those blocks go, and the disk reads as before at every instant.</summary>
public sealed class EmptyingTests(ITestOutputHelper output)
{
    public static TheoryData<int, int, int> Geometries() => new() { { 4096, 1, 700 }, { 4096, 4, 2500 }, { 65536, 2, 60 } };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Geometries))]
    public async Task WhatIsHeldBeneath_BecomesFree_AndNothingElse(int clusterBytes, int tableClusters, int clusters)
    {
        for (int seed = 1; seed <= 6; seed++)
        {
            CompactionImage made = CompactionImage.Draw(seed, clusterBytes, tableClusters, withParent: true, clusters);
            Random random = new(seed);
            bool[] held = [.. Enumerable.Range(0, clusters).Select(_ => random.Next(seed) != 1)];
            byte[] beneath = Beneath(made, clusterBytes, held);
            using QedImage image = CompactionImage.Open(made.File, beneath, pool: new TablePool((1 + (seed * 20)) * TablePage.SizeBytes));
            bool[] wasFree = [.. held.Select((_, cluster) => KindAt(image, cluster, clusterBytes, made) == ExtentKind.Free)];
            await image.CompactAsync(Options((cluster, _) => held[cluster], clusterBytes), cancellationToken: Stop);
            for (int cluster = 0; cluster < clusters; cluster++)
            {
                Assert.True(
                    (KindAt(image, cluster, clusterBytes, made) == ExtentKind.Free) == (held[cluster] || wasFree[cluster]), $"seed {seed}, cluster {cluster}, held {held[cluster]}, was free {wasFree[cluster]}");
            }

            AssertReads(made.Content, image, beneath, $"seed {seed}");
            image.Close();
            Images.AssertClean(made.File);
            using QedImage again = CompactionImage.Open(made.File, beneath);
            AssertReads(made.Content, again, beneath, $"seed {seed}, opened again");
        }
    }

    [Fact]
    public async Task WhenAllIsHeldBeneath_TheFileIsThatOfAnEmptyImage()
    {
        CompactionImage made = CompactionImage.Draw(3, 4096, 2, withParent: true, 3000);
        using QedImage image = made.Open();
        await image.CompactAsync(Options((_, _) => true, 4096), cancellationToken: Stop);
        Assert.Equal(3 * 4096, made.File.LengthBytes);
        Assert.Equal((ExtentKind.Free, (long)made.Content.Length), (image.Map(0, made.Content.Length).Kind, image.Map(0, made.Content.Length).LengthBytes));

        // And it is one that can be written.
        byte[] data = ConcurrencyTests.Pattern(20000, 1);
        GuestDisk.Write(image, 100, data, made.Content);
        Assert.Equal(data, GuestDisk.Read(image, 100, data.Length, made.Content));
        image.Close();
        Images.AssertClean(made.File);
    }

    /// <summary>Between the look and the hold a write may have begun: only the answer that is given under the hold counts.</summary>
    [Fact]
    public async Task AnAnswerThatChangesBeforeTheHold_KeepsTheBlock()
    {
        CompactionImage made = CompactionImage.Draw(5, 4096, 2, withParent: true, 600);
        using QedImage image = made.Open();
        HashSet<int> asked = [];
        await image.CompactAsync(Options((cluster, _) => asked.Add(cluster), 4096), cancellationToken: Stop);
        Assert.True(asked.Count > 20);
        made.AssertContent(image);
        Assert.All(asked, cluster => Assert.NotEqual(ExtentKind.Free, KindAt(image, cluster, 4096, made)));
    }

    [Fact]
    public async Task WritersMeanwhile_LoseNothing()
    {
        CompactionImage made = CompactionImage.Draw(7, 4096, 2, withParent: true, 1200);
        byte[] beneath = [.. made.Content];
        using QedImage image = CompactionImage.Open(made.File, beneath);
        bool[] changed = new bool[made.Content.Length / 4096 + 1];
        using CancellationTokenSource stop = new();
        Task[] writers = [.. Enumerable.Range(0, 3).Select(writer => Task.Run(() =>
        {
            Random random = new(writer);
            byte[] data = new byte[4096];
            while (!stop.IsCancellationRequested)
            {
                int cluster = (random.Next(changed.Length / 3 - 1) * 3) + writer;
                int offset = cluster * 4096;
                random.NextBytes(data);
                Volatile.Write(ref changed[cluster], true);
                Interlocked.MemoryBarrier();
                data.CopyTo(made.Content, offset);
                GuestDisk.Write(image, offset, data, beneath);
                Assert.Equal(data, GuestDisk.Read(image, offset, 4096, beneath));
            }
        }))];
        for (int round = 0; round < 6; round++)
        {
            await image.CompactAsync(Options((cluster, _) => !Volatile.Read(ref changed[cluster]), 4096), cancellationToken: Stop);
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        AssertReads(made.Content, image, beneath, "after writers");
        image.Close();
        Assert.True(Images.Check(made.File).IsSound);
    }

    [Theory]
    [InlineData(1, ConsistencyMode.Ordered)]
    [InlineData(2, ConsistencyMode.Lazy)]
    [InlineData(4, ConsistencyMode.Ordered)]
    public async Task AfterAnyCrash_TheDiskReadsAsBefore(int seed, ConsistencyMode mode)
    {
        CompactionImage made = CompactionImage.Draw(seed, 4096, 1, withParent: true, 700);
        bool[] held = [.. Enumerable.Range(0, 700).Select(cluster => cluster % 5 != seed % 5)];
        byte[] beneath = Beneath(made, 4096, held);
        SimulatedFile file = made.File.Copy();
        file.KeepsTrace = true;
        using QedImage image = CompactionImage.Open(file, beneath, mode, new TablePool(8 * TablePage.SizeBytes));
        await image.CompactAsync(Options((cluster, _) => held[cluster], 4096), cancellationToken: Stop);
        int states = 0;
        int verified = 0;
        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 2, Samples = 3 }).Concat(CrashStates.OfProcessKill(file)))
        {
            if (states++ % 7 != 0)
            {
                continue;
            }

            verified++;
            CheckReport report = Images.Check(state.File);
            Assert.True(report.IsSound, $"{state.Description}: {string.Join("; ", report.Findings)}");
            using QedImage left = Images.Open(state.File);
            left.SetBeneath(QedVd.Beneath.UpTo(beneath.Length));
            AssertReads(made.Content, left, beneath, state.Description);
        }

        output.WriteLine($"{verified} of {states} states");
        Assert.True(verified > 20, $"{verified} of {states}");
    }

    [Fact]
    public async Task EveryFault_LeavesTheDisk_AndTheNextOneFinishes()
    {
        CompactionImage made = CompactionImage.Draw(2, 4096, 1, withParent: true, 120);
        int struck = await FaultLoop.RunAsync(new FaultScenario
        {
            Name = "emptying",
            Backend = new QedBackend(),
            File = made.File,
            Parent = made.Content,
            Before = made.Content,
            Act = image => image.CompactAsync(Options((_, _) => true, 4096)),
        });
        output.WriteLine($"{struck} faults");
        Assert.True(struck > 50, $"{struck}");
    }

    private static CompactOptions Options(Func<int, long, bool> isHeld, int clusterBytes) =>
        new() { DropZeroBlocks = false, IsHeldBeneath = (offset, length) => isHeld((int)(offset / clusterBytes), length) };

    /// <summary>What lies beneath when the held clusters have been written there.</summary>
    private static byte[] Beneath(CompactionImage made, int clusterBytes, bool[] held)
    {
        byte[] beneath = new byte[made.Content.Length];
        byte[] parent = made.Parent!;
        parent.AsSpan(0, Math.Min(parent.Length, beneath.Length)).CopyTo(beneath);
        for (int cluster = 0; cluster < held.Length; cluster++)
        {
            int offset = cluster * clusterBytes;
            int length = Math.Min(clusterBytes, beneath.Length - offset);
            if (held[cluster] && length > 0)
            {
                made.Content.AsSpan(offset, length).CopyTo(beneath.AsSpan(offset));
            }
        }

        return beneath;
    }

    private static ExtentKind KindAt(QedImage image, int cluster, int clusterBytes, CompactionImage made) =>
        image.Map((long)cluster * clusterBytes, Math.Min(clusterBytes, made.Content.Length - (cluster * clusterBytes))).Kind;

    private static void AssertReads(byte[] expected, QedImage image, byte[] beneath, string what)
    {
        byte[] seen = GuestDisk.Read(image, 0, expected.Length, beneath);
        int same = seen.AsSpan().CommonPrefixLength(expected);
        Assert.True(same == expected.Length, $"{what}: byte {same} differs");
    }
}
