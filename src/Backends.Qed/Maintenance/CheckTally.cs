namespace QedVd.Backends.Qed;

/// <summary>Counts and keeps what a check finds.</summary>
internal sealed class CheckTally(CheckOptions options)
{
    private readonly List<CheckFinding> _findings = [];

    public long Corruptions { get; private set; }

    public long Leaks { get; private set; }

    public long CheckErrors { get; private set; }

    public IReadOnlyList<CheckFinding> Findings => _findings;

    /// <summary>Whether another finding is kept or told; where not, its message need not be made.</summary>
    public bool IsListening => options.OnFinding is not null || _findings.Count < options.MaxReportedFindings;

    /// <summary>Counts a finding that nobody will see.</summary>
    public void CountCorruptions(long count) => Corruptions += count;

    /// <summary>Counts and reports corruptions.</summary>
    public void AddCorruption(CheckFinding finding, long count = 1)
    {
        Corruptions += count;
        Add(finding);
    }

    public void AddLeak(CheckFinding finding, long clusters)
    {
        Leaks += clusters;
        Add(finding);
    }

    public void AddError(CheckFinding finding)
    {
        CheckErrors++;
        Add(finding);
    }

    /// <summary>Reports without counting.</summary>
    public void Add(CheckFinding finding)
    {
        if (_findings.Count < options.MaxReportedFindings)
        {
            _findings.Add(finding);
        }

        options.OnFinding?.Invoke(finding);
    }
}
