namespace QedVd.Schedules.Tests;

/// <summary>How often each thing was drawn that schedules are to be about.</summary>
internal sealed class Strata
{
    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);

    public void Add(string name)
    {
        lock (_counts)
        {
            _counts[name] = _counts.GetValueOrDefault(name) + 1;
        }
    }

    /// <summary>Those of which there was none.</summary>
    public IEnumerable<string> Empty(IEnumerable<string> names) => names.Where(name => !_counts.ContainsKey(name));

    public override string ToString() => string.Join(", ", _counts.Select(pair => $"{pair.Key} {pair.Value}"));
}
