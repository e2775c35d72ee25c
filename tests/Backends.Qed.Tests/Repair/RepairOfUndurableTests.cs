using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>What a killed process has left is in the file as a repair reads it, and need not be durable.</summary>
public sealed class RepairOfUndurableTests
{
    private const int Cluster = 4096;

    [Fact]
    public void Leak_ThatIsOneOnlyInThePageCache_IsNotFilled_BeforeTheEntryThatLedThereIsDurablyGone()
    {
        SimulatedFile made = Images.Create(100 * Cluster);
        byte[] content = ConcurrencyTests.Pattern(8 * Cluster, 1);
        using (QedImage image = Images.Open(made))
        {
            GuestDisk.Write(image, 0, content);
        }

        // Header, L1, a table, data from cluster 5 on. The third entry goes, without a barrier.
        SimulatedFile file = made.Copy();
        using (SimulatedStorage storage = file.Open())
        {
            storage.Write((3 * Cluster) + (2 * sizeof(ulong)), new byte[sizeof(ulong)]);
        }

        CheckReport report = Repairs.Run(file, RepairMode.Leaks);
        Assert.Equal(1, report.LeaksFixed);
        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 8, Samples = 50 }))
        {
            using QedImage image = Images.Open(state.File, readOnly: true);
            for (int i = 0; i < 8; i++)
            {
                byte[] seen = GuestDisk.Read(image, i * Cluster, Cluster);
                Assert.True(
                    seen.AsSpan().SequenceEqual(content.AsSpan(i * Cluster, Cluster)) || (i == 2 && !seen.AsSpan().ContainsAnyExcept((byte)0)),
                    $"cluster {i} holds something else\n{state.Description}");
            }
        }
    }
}
