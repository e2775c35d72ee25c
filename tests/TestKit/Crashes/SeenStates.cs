namespace QedVd.TestKit;

/// <summary>The numbers of the states that were looked at, together with what they were held against.</summary>
internal sealed class SeenStates
{
    private readonly HashSet<(UInt128 Content, ulong Allowed)> _states = [];

    /// <summary>What the states are held against from now on: others under the same content are others.</summary>
    public ulong Allowed { get; set; }

    public bool Add(UInt128 content) => _states.Add((content, Allowed));

    public bool Contains(UInt128 content) => _states.Contains((content, Allowed));

    public void Clear() => _states.Clear();
}
