using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Repair;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Damage;

/// <summary>Tables damaged in every way that has a name: what the check says, what an open image still gives, and what a repair makes of it.</summary>
public sealed class DamageTests
{
    private const int Cluster = 4096;

    public static TheoryData<string> Names => [.. Damage.All.Select(damage => damage.Name)];

    [Fact]
    public void SoundImage_IsSound()
    {
        Images.AssertClean(Damage.Sound(isFlagged: false).File);
        Assert.Equal(Damage.All.Count, Damage.All.Select(damage => damage.Name).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Check_NamesTheDamage_ItsTableAndEntry_AndChangesNothing(string name)
    {
        (Damage damage, QedImageBytes image) = Make(name, isFlagged: false);
        string before = image.File.ComputeHash();

        CheckReport report = Images.Check(image.File);

        Assert.InRange(report.Corruptions, damage.Corruptions, damage.IsAmbiguous ? long.MaxValue : damage.Corruptions);
        Assert.Equal(0, report.CheckErrors);
        Assert.Contains(report.Findings, finding => (finding.Kind, finding.Table, finding.Index) == (damage.Kind, damage.Table, damage.Index));
        Assert.Equal(before, image.File.ComputeHash());
    }

    /// <summary>What is damaged fails, for itself; everything else reads as it should. Flagged or not, read-only it opens.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void ReadOnly_EverythingButTheDamagedRangeReads(string name)
    {
        foreach (bool isFlagged in new[] { false, true })
        {
            (Damage damage, QedImageBytes image) = Make(name, isFlagged);
            byte[]?[] expected = ViewOf(damage, image).Clusters;
            string before = image.File.ComputeHash();
            using (QedImage disk = Images.Open(image.File, readOnly: true))
            {
                // Both tables are known then: what names them as data is told from data.
                Attempt(() => disk.Read(1029 * Cluster, new byte[1]));
                Attempt(() => disk.Read(0, new byte[1]));
                for (int i = 0; i < expected.Length && !damage.IsAmbiguous; i++)
                {
                    byte[] now = new byte[Cluster];
                    ImageErrorKind? failure = Attempt(() => now = GuestDisk.Read(disk, i * (long)Cluster, Cluster));
                    Assert.True(failure == (expected[i] is null ? ImageErrorKind.Corrupt : null), $"cluster {i} of the disk: {failure}");
                    Assert.True(expected[i] is not { Length: Cluster } bytes || bytes.AsSpan().SequenceEqual(now), $"cluster {i} of the disk reads differently");
                }
            }

            Assert.Equal(before, image.File.ComputeHash());
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void ReadWrite_IsRefusedWhereItWouldDoHarm_AndNothingIsWrittenThen(string name)
    {
        foreach (bool isFlagged in new[] { false, true })
        {
            (Damage damage, QedImageBytes image) = Make(name, isFlagged);
            string before = image.File.ComputeHash();
            if (damage.RefusesWriting || isFlagged)
            {
                ImageException refusal = Assert.Throws<ImageException>(() => Images.Open(image.File));
                Assert.Equal(ImageErrorKind.Corrupt, refusal.Kind);
                Assert.Contains("qedvd check -r all", refusal.Message, StringComparison.Ordinal);
                Assert.Equal((before, 0), (image.File.ComputeHash(), image.File.CountOfChanges()));
                continue;
            }

            byte[]?[] expected = ViewOf(damage, image).Clusters;
            using (QedImage disk = Images.Open(image.File))
            {
                Attempt(() => disk.Read(1029 * Cluster, new byte[1]));
                foreach (int cluster in new[] { 2, 100 })
                {
                    // Where an L1 entry names the end of the file, that cannot grow; what is there can be written all the same.
                    byte[] data = ConcurrencyTests.Pattern(Cluster, 100 + cluster);
                    bool isWritten = Attempt(() => disk.Write(cluster * Cluster, data)) is null;
                    expected[cluster] = isWritten ? data : expected[cluster];
                    Assert.True(isWritten || cluster == 100);
                }

                disk.Flush();
                Assert.True(expected[1] is not null || Attempt(() => disk.Read(Cluster, new byte[1])) == ImageErrorKind.Corrupt);
            }

            if (!damage.IsAmbiguous)
            {
                expected[1] = damage.IsLaterValid ? ViewOf(damage, image).Clusters[1] : expected[1];
                byte[]?[] after = ViewOf(damage, image).Clusters;
                for (int i = 0; i < expected.Length; i++)
                {
                    Assert.True(expected[i] is null == after[i] is null && (expected[i] is null || expected[i].AsSpan().SequenceEqual(after[i])), $"cluster {i} of the disk has changed");
                }
            }
        }
    }

    /// <summary>Where something is wrong with the tables nobody knows what is free: nothing is moved, whoever asks.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public async Task Compaction_MovesNothing_AndNamesTheRepair(string name)
    {
        (Damage damage, QedImageBytes image) = Make(name, isFlagged: false);
        if (damage.RefusesWriting)
        {
            return;
        }

        DiskView before = ViewOf(damage, image);
        using (QedImage disk = Images.Open(image.File))
        {
            ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken));
            Assert.Equal(ImageErrorKind.Corrupt, refused.Kind);
            Assert.True(damage.IsAmbiguous || refused.Message.Contains("qedvd check -r all", StringComparison.Ordinal), refused.Message);
        }

        Assert.True(before.Clusters.Zip(ViewOf(damage, image).Clusters).All(pair => pair.First is null == pair.Second is null && (pair.First is null || pair.First.AsSpan().SequenceEqual(pair.Second))));
    }

    [Theory]
    [MemberData(nameof(Names))]
    [Trap("D33")]
    public void Repair_MendsIt_AndWhatWasReachableReadsTheSame(string name)
    {
        foreach (bool isFlagged in new[] { false, true })
        {
            (Damage damage, QedImageBytes image) = Make(name, isFlagged);
            DiskView before = ViewOf(damage, image);

            CheckReport report = Repairs.Run(image.File);

            Assert.True(report.IsClean, Repairs.Show(report));
            Assert.True(report.CorruptionsFixed > 0, Repairs.Show(report));
            Images.AssertClean(image.File);
            if (!damage.IsAmbiguous)
            {
                before.AssertKeptBy(DiskView.Of(image.File), () => Repairs.Show(report), mayKeepTails: damage.Unreadable.Count > 0);
            }

            using QedImage disk = Images.Open(image.File);
            disk.Write(700 * Cluster, ConcurrencyTests.Pattern(Cluster, 97));
            GuestDisk.Read(disk, 0, 1500 * Cluster);
        }
    }

    /// <summary>Every repaired image is clean for QEMU too.</summary>
    [Fact]
    public async Task RepairedImages_AreCleanForQemu()
    {
        string qemuImg = Peers.Require("qemu-img");
        string folder = Directory.CreateTempSubdirectory("qedvd-damage-").FullName;
        try
        {
            foreach (Damage damage in Damage.All)
            {
                (_, QedImageBytes image) = Make(damage.Name, isFlagged: true);
                Repairs.Run(image.File);
                string path = Path.Combine(folder, "repaired.qed");
                image.File.SaveTo(path);
                ToolRun run = await ToolRun.RunAsync(qemuImg, ["check", "-f", "qed", path]);
                Assert.True(run.ExitCode == 0, $"{damage.Name}: {run.Output}{run.Error}");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The mark on a sound image: nothing is written read-only; for writing it is checked, cleared, and gone on with.</summary>
    [Fact]
    public void MarkAlone_IsNoDamage()
    {
        QedImageBytes image = Damage.Sound(isFlagged: true);
        string before = image.File.ComputeHash();
        using (QedImage disk = Images.Open(image.File, readOnly: true))
        {
            Assert.Equal(ConcurrencyTests.Pattern(Cluster, 7), GuestDisk.Read(disk, Cluster, Cluster));
        }

        Assert.Equal(before, image.File.ComputeHash());
        using QedImage writable = Images.Open(image.File);
        Assert.False(writable.Flags.HasFlag(ImageFlags.NeedsCheck));
        Images.AssertClean(image.File);
    }

    /// <summary>A repair with a fault or a crash at each of its operations: nothing that was reachable is lost, and the next one finishes.</summary>
    [Theory]
    [InlineData("two entries of a table share a cluster")]
    [InlineData("L1 entry lies far beyond the end")]
    [InlineData("L2 entry names L1")]
    public async Task Repair_WithAFaultAtEachOfItsOperations_LosesNothing_AndTheNextFinishes(string name)
    {
        (Damage damage, QedImageBytes image) = Make(name, isFlagged: false);
        DiskView before = ViewOf(damage, image);
        int struck = 0;
        foreach (FaultVariant variant in FaultVariant.All)
        {
            for (int nth = 1; ; nth++)
            {
                SimulatedFile file = image.File.Copy();
                StorageFault fault = file.Fail(variant.At(nth, isSticky: false));
                CheckReport? report = null;
                ImageErrorKind? failure = Attempt(() => report = Repairs.Run(file));
                file.ClearFaults();
                string what = $"{variant.Name} {nth}: {failure}";
                Assert.Equal(0, file.OpenHandles);
                before.AssertKeptBy(DiskView.Of(file), () => what, isMended: false, mayKeepTails: true);
                foreach (CrashState state in CrashStates.OfPowerLoss(file, file.Trace.Count, new PowerLossOptions { ExhaustiveUnits = 4, Samples = 5, Seed = nth }).Take(12))
                {
                    before.AssertKeptBy(DiskView.Of(state.File), () => $"{what}: {state.Description}", isMended: false, mayKeepTails: true);
                }

                if (fault.Hits == 0)
                {
                    Assert.True(report!.IsClean, Repairs.Show(report));
                    break;
                }

                struck++;
                Assert.True(failure is not null || !report!.IsClean || Images.Check(file).IsClean, $"{what}: it says that all is well");
                CheckReport next = Repairs.Run(file);
                Assert.True(next.IsClean, what + Repairs.Show(next));
                before.AssertKeptBy(DiskView.Of(file), () => what);
            }
        }

        Assert.InRange(struck, 20, int.MaxValue);
    }

    private static (Damage Damage, QedImageBytes Image) Make(string name, bool isFlagged)
    {
        Damage damage = Damage.All.Single(one => one.Name == name);
        QedImageBytes image = Damage.Sound(isFlagged);
        damage.Apply(image);
        return (damage, image);
    }

    private static DiskView ViewOf(Damage damage, QedImageBytes image)
    {
        DiskView view = DiskView.Of(image.File);
        foreach (int cluster in damage.Unreadable)
        {
            view.Clusters[cluster] = null;
        }

        return view;
    }

    private static ImageErrorKind? Attempt(Action act)
    {
        try
        {
            act();
            return null;
        }
        catch (ImageException exception)
        {
            return exception.Kind;
        }
    }
}
