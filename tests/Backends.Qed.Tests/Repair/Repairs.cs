using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>Repairs simulated files.</summary>
internal static class Repairs
{
    private static readonly QedBackend s_backend = new();

    public static CheckReport Run(
        SimulatedFile file, RepairMode mode = RepairMode.All, bool dryRun = false, Action<RepairAction>? onRepair = null, CancellationToken cancellationToken = default)
    {
        using SimulatedStorage storage = file.Open(readOnly: dryRun);
        return SyncIo.Complete(s_backend.CheckAsync(storage, new CheckOptions { Repair = mode, DryRun = dryRun, OnRepair = onRepair }, null, cancellationToken));
    }

    public static string Show(CheckReport report) =>
        $"corruptions {report.Corruptions}, leaks {report.Leaks}, errors {report.CheckErrors}, needs check {report.NeedsCheck}\n{string.Join('\n', report.Findings.Select(finding => finding.Message))}\n-- {string.Join("\n-- ", report.Repairs)}";
}
