using QedVd.Hostile.Tests.Cases;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>Runs of verbs on cases as limited processes, and everything that was wrong with any of them.</summary>
/// <param name="folder">Where the cases are laid down.</param>
/// <param name="process">How they are run; null: as the limits for all are.</param>
internal sealed class LimitedRuns(CaseFolder folder, LimitedProcess? process = null)
{
    private readonly CaseRun _run = new(folder);
    private readonly LimitedProcess _process = process ?? new LimitedProcess(folder);
    private readonly HashSet<string> _verbs = [];

    public int Count { get; private set; }

    public int Verbs => _verbs.Count;

    public List<string> Wrong { get; } = [];

    /// <summary>False when the call is not made for this case.</summary>
    public bool Add(HostileCase of, VerbLine line)
    {
        IReadOnlyList<string>? wrong = _run.Run(of, line, arguments => _process.Run(of, line, arguments));
        if (wrong is null)
        {
            return false;
        }

        Count++;
        _verbs.Add(line.Name);
        Wrong.AddRange(wrong);
        Wrong.AddRange(_process.Wrong.Select(what => $"{of.Name}: {line.Name}: {what}"));
        return true;
    }
}
