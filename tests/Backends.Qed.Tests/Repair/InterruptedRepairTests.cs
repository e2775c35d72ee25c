using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>
/// Repairs of random damage that are cut short: at each operation of the storage, by cancellation, by killing the process, by a loss of power. Nothing
/// that was reachable is lost then, and the next repair finishes the work.
/// </summary>
public sealed class InterruptedRepairTests(ITestOutputHelper output)
{
    private const int StatesPerImage = 120;

    private static readonly StorageOperationKind[] s_kinds =
        [StorageOperationKind.Read, StorageOperationKind.Write, StorageOperationKind.SetLength, StorageOperationKind.PunchHole, StorageOperationKind.Allocate, StorageOperationKind.Barrier];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PowerLoss_AtAnyPoint_LosesNothing_AndTheNextRepairFinishes(bool isLeaksOnly)
    {
        int states = 0;
        foreach (Damaged image in Images(isLeaksOnly, 12))
        {
            SimulatedFile file = image.File.Copy();
            DiskView before = DiskView.Of(file);
            Repairs.Run(file, ModeFor(isLeaksOnly));
            Random random = new(states);
            CrashState[] all = [.. CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 4, Samples = 4 })];
            foreach (CrashState state in all.Where(_ => random.Next(all.Length) < StatesPerImage))
            {
                Verify(image, before, state, isLeaksOnly);
                states++;
            }
        }

        output.WriteLine($"{states} states");
        Assert.True(states > 100);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void KilledProcess_LosesNothing_AndTheNextRepairFinishes(bool isLeaksOnly)
    {
        int states = 0;
        foreach (Damaged image in Images(isLeaksOnly, 6))
        {
            SimulatedFile file = image.File.Copy();
            DiskView before = DiskView.Of(file);
            Repairs.Run(file, ModeFor(isLeaksOnly));
            foreach (CrashState state in CrashStates.OfProcessKill(file, 1024))
            {
                if (states++ % 4 == 0)
                {
                    Verify(image, before, state, isLeaksOnly);
                }
            }
        }

        output.WriteLine($"{states} states");
        Assert.True(states > 100);
    }

    [Theory]
    [InlineData(ImageErrorKind.Io, false, false)]
    [InlineData(ImageErrorKind.Io, true, false)]
    [InlineData(ImageErrorKind.OutOfSpace, true, false)]
    [InlineData(ImageErrorKind.Io, true, true)]
    public void FailedOperation_TheFirstTheSecondAndSoOn_LosesNothing_AndTheNextRepairFinishes(ImageErrorKind error, bool isSticky, bool isLeaksOnly)
    {
        int failures = 0;
        int images = 0;
        foreach (Damaged image in Images(isLeaksOnly, 20))
        {
            // Some take few operations to mend.
            if (images++ >= 3 && failures > 20)
            {
                break;
            }

            DiskView before = DiskView.Of(image.File);
            foreach (StorageOperationKind kind in s_kinds)
            {
                if (error == ImageErrorKind.OutOfSpace && kind is StorageOperationKind.Read or StorageOperationKind.Barrier)
                {
                    continue;
                }

                // A table that cannot be read may name another table as data: that is not known then, and invalid entries are cleared there.
                if (kind == StorageOperationKind.Read && Engine.Images.Check(image.File).Findings.Any(finding => finding.Message.Contains("inside an L2 table", StringComparison.Ordinal)))
                {
                    continue;
                }

                for (int nth = 1; ; nth++)
                {
                    SimulatedFile file = image.File.Copy();
                    StorageFault fault = file.Fail(new StorageFault { Kind = kind, Nth = nth, IsSticky = isSticky, Error = error, PartialBytes = kind == StorageOperationKind.Write ? 512 : -1 });
                    string result = Attempt(() => Repairs.Run(file, ModeFor(isLeaksOnly)));
                    if (fault.Hits == 0)
                    {
                        break;
                    }

                    failures++;
                    file.ClearFaults();
                    string Describe() => $"{kind} number {nth} failed{(isSticky ? " and all after it" : "")}: {result}\n{image}";
                    Assert.False(result.Contains("unhandled", StringComparison.Ordinal), Describe());
                    foreach (CrashState state in CrashStates.OfPowerLoss(file, file.Trace.Count, new PowerLossOptions { ExhaustiveUnits = 0, Samples = 1 }).Take(3))
                    {
                        Verify(image, before, state, isLeaksOnly);
                    }

                    Verify(image, before, new CrashState(0, file, Describe()), isLeaksOnly);
                }
            }
        }

        output.WriteLine($"{failures} failures");
        Assert.True(failures > 20);
    }

    [Fact]
    public void CancelledRepair_AtAnyOperation_LosesNothing_AndTheNextRepairFinishes()
    {
        int cancelled = 0;
        foreach (Damaged image in Images(isLeaksOnly: false, 4))
        {
            DiskView before = DiskView.Of(image.File);
            foreach (StorageOperationKind kind in s_kinds)
            {
                for (int nth = 1; ; nth += 2)
                {
                    SimulatedFile file = image.File.Copy();
                    using CancellationTokenSource source = new();
                    int seen = 0;
                    file.Fail(new StorageFault
                    {
                        Kind = kind,
                        Where = (_, _) =>
                        {
                            if (++seen == nth)
                            {
                                source.Cancel();
                            }

                            return false;
                        },
                    });
                    string result = Attempt(() => Repairs.Run(file, cancellationToken: source.Token));
                    if (!source.IsCancellationRequested)
                    {
                        break;
                    }

                    cancelled += result == "cancelled" ? 1 : 0;
                    file.ClearFaults();
                    Verify(image, before, new CrashState(0, file, $"cancelled in {kind} number {nth}: {result}"), isLeaksOnly: false);
                }
            }
        }

        output.WriteLine($"{cancelled} cancelled");
        Assert.True(cancelled > 50);
    }

    [Fact]
    public void CancelledWhileItCopies_KeepsTheBatchesThatAreDone_AndGivesTheRestBack()
    {
        const int MiB = 1 << 20;
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = MiB, TableSize = 1, L1Offset = MiB, ImageSize = 1UL << 30 });
        image.SetClusters(4).SetL1(0, image.At(2));
        for (int i = 0; i < 300; i++)
        {
            image.SetL2(2, i, image.At(3));
        }

        using CancellationTokenSource source = new();
        foreach (StorageOperationKind kind in (StorageOperationKind[])[StorageOperationKind.Write, StorageOperationKind.PunchHole])
        {
            image.File.Fail(new StorageFault { Kind = kind, Where = (offset, _) => Cancel(source, offset >= 204L * MiB) });
        }

        Assert.Equal("cancelled", Attempt(() => Repairs.Run(image.File, cancellationToken: source.Token)));

        image.File.ClearFaults();
        long kept = (image.File.LengthBytes / MiB) - 4;
        Assert.InRange(kept, 64, 200);
        CheckReport now = Repairs.Run(image.File, dryRun: true);
        Assert.Equal((299 - kept, 0L), (now.Corruptions, now.Leaks));
        Assert.True(Repairs.Run(image.File).IsSound);
        Assert.Equal(303L * MiB, image.File.LengthBytes);
    }

    private static bool Cancel(CancellationTokenSource source, bool isDue)
    {
        if (isDue)
        {
            source.Cancel();
        }

        return false;
    }

    private static RepairMode ModeFor(bool isLeaksOnly) => isLeaksOnly ? RepairMode.Leaks : RepairMode.All;

    private static string Attempt(Action act)
    {
        try
        {
            act();
            return "done";
        }
        catch (ImageException exception)
        {
            return exception.Message;
        }
        catch (OperationCanceledException)
        {
            return "cancelled";
        }
    }

    /// <summary>What a repair left reads as before, and a further repair makes a clean image of it that does, too.</summary>
    private static void Verify(Damaged image, DiskView before, CrashState state, bool isLeaksOnly)
    {
        string trace = "";
        string Describe() => $"{state.Description}\n{image}\n{trace}";

        // Where a storage leaves garbage beyond its end, what nothing led to may show that until the next repair.
        bool mayShow = image.IsCut || (state.File.Facts & StorageFacts.NeverWrittenReadsZero) == 0;
        before.AssertKeptBy(DiskView.Of(state.File), Describe, isMended: false, mayKeepTails: mayShow);
        CheckReport report = Repairs.Run(state.File, ModeFor(isLeaksOnly));
        trace = Repairs.Show(report);
        before.AssertKeptBy(DiskView.Of(state.File), Describe, mayKeepTails: mayShow);
        RandomRepairTests.Require(report.IsClean && !report.NeedsCheck, Describe);
        RandomRepairTests.Require(Engine.Images.Check(state.File).IsClean, Describe);
    }

    private IEnumerable<Damaged> Images(bool isLeaksOnly, int count)
    {
        int seed = (int)(LongRun.Seed() & 0x3FFF_FFFF);
        output.WriteLine($"seed {seed}");
        for (int found = 0; found < count; seed++)
        {
            Damaged image = new Damaged(seed).Damage(isLeaksOnly ? 0 : 3 + (found % 6), mayCut: !isLeaksOnly);
            CheckReport report = Engine.Images.Check(image.File);
            if (isLeaksOnly ? report.Leaks > 2 : report.Corruptions is > 2 and < 200)
            {
                found++;
                yield return image;
            }
        }
    }
}
