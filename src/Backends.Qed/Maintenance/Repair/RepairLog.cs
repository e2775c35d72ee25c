namespace QedVd.Backends.Qed;

/// <summary>Keeps and tells what a repair does.</summary>
internal sealed class RepairLog(CheckOptions options)
{
    private readonly List<RepairAction> _actions = [];

    public IReadOnlyList<RepairAction> Actions => _actions;

    /// <summary>Whether another action is kept or told; where not, its message need not be made.</summary>
    public bool IsListening => options.OnRepair is not null || _actions.Count < options.MaxReportedFindings;

    public void Add(RepairAction action)
    {
        if (_actions.Count < options.MaxReportedFindings)
        {
            _actions.Add(action);
        }

        options.OnRepair?.Invoke(action);
    }

    /// <summary>Says what had to stay as it is, and why.</summary>
    public void LeaveAlone(string message) => Add(new RepairAction(RepairActionKind.LeftAlone, message));
}
