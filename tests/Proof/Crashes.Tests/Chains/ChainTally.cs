using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>What a search has met.</summary>
internal sealed class ChainTally
{
    private readonly HashSet<(string Name, bool PromisesZeros)> _met = [];
    private readonly HashSet<(string Name, bool PromisesZeros)> _runAgain = [];
    private readonly HashSet<(string Name, bool PromisesZeros)> _writtenTo = [];
    private readonly HashSet<string> _struckAgain = [];
    private readonly HashSet<FolderCrashKind> _kinds = [];
    private long _stale;

    public void Add(ChainCase one, ChainExplorer explorer)
    {
        (string, bool) key = (one.Name, one.PromisesZeros);
        _met.Add(key);
        _ = explorer.Reruns > 0 && _runAgain.Add(key);
        _ = explorer.Writes > 0 && _writtenTo.Add(key);
        _ = explorer.SecondRuns > 0 && _struckAgain.Add(one.Name);
        _kinds.UnionWith(explorer.States.Where(pair => pair.Value > 0).Select(pair => pair.Key));
        _stale += explorer.StaleStates;
    }

    /// <summary>What every round of cases must meet, and this one has not.</summary>
    public IEnumerable<string> Missing(bool canOverlay)
    {
        (string Name, bool PromisesZeros)[] all = [.. ChainCommand.All.Keys.SelectMany(name => canOverlay ? new[] { (name, true), (name, false) } : [(name, true)])];
        string[] moves = [.. ChainCommand.All.Where(pair => pair.Value().Moves).Select(pair => pair.Key)];
        return
        [
            .. all.Except(_met).Select(key => $"{Text(key)}"),
            .. all.Except(_runAgain).Select(key => $"{Text(key)} run again"),
            .. all.Where(key => moves.Contains(key.Name)).Except(_writtenTo).Select(key => $"{Text(key)} written to"),
            .. moves.Except(_struckAgain).Select(name => $"'{name}' struck again"),
            .. Enum.GetValues<FolderCrashKind>().Except(_kinds).Select(kind => $"{kind}"),
        ];
    }

    public override string ToString() => $"{_met.Count} commands on volumes, {_runAgain.Count} run again, {_writtenTo.Count} written to, {_struckAgain.Count} struck again, {_kinds.Count} kinds of states, {_stale} with stale bytes";

    private static string Text((string Name, bool PromisesZeros) key) => $"'{key.Name}'{(key.PromisesZeros ? "" : " with no promise of zeros")}";
}
