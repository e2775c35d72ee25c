namespace QedVd.TestKit;

/// <summary>
/// The test would fail if ours had the named defect of another QED implementation. <c>tests/TRAPS.md</c> lists all of them, with the tests; a
/// test in Architecture.Tests keeps the list true and complete.
/// </summary>
/// <param name="ids">The traps, as <c>D01</c> to <c>D53</c>.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TrapAttribute(params string[] ids) : Attribute
{
    /// <summary>The traps.</summary>
    public IReadOnlyList<string> Ids { get; } = ids;
}
