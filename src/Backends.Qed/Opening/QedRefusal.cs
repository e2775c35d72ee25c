namespace QedVd.Backends.Qed;

/// <summary>The answer to opening a damaged image for writing.</summary>
internal static class QedRefusal
{
    public static ImageException Corrupt(string name, string what) => Make(ImageErrorKind.Corrupt, name, what);

    /// <summary>Says what a check found that forbids to write.</summary>
    public static ImageException Of(string name, CheckReport report)
    {
        CheckFinding? first = report.Findings.FirstOrDefault(finding =>
            finding.Kind is CheckFindingKind.InvalidReference or CheckFindingKind.SharedReference or CheckFindingKind.ReadError);
        string what = $"the check that is due found {report.Corruptions} corruptions and {report.CheckErrors} tables that cannot be read{(first is null ? "" : $", the first: {first.Message.TrimEnd('.')}")}";
        return Make(report.Corruptions > 0 ? ImageErrorKind.Corrupt : ImageErrorKind.Io, name, what);
    }

    private static ImageException Make(ImageErrorKind kind, string name, string what) => new(
        kind,
        $"{name}: not opened for writing: {what}. Reading it works (open it read-only); to repair it: qedvd check -r all {name}",
        name,
        "open");
}
