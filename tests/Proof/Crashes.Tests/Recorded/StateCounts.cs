namespace QedVd.Crashes.Tests.Recorded;

/// <summary>What was found among the states of one scenario.</summary>
internal sealed class StateCounts
{
    public int States { get; private set; }

    public int Violations { get; private set; }

    public int BadReferences { get; private set; }

    public int TrustedBadReferences { get; private set; }

    public int Garbage { get; private set; }

    public int WrongData { get; private set; }

    public int Unopenable { get; private set; }

    /// <summary>Of the first violation.</summary>
    public string? First { get; private set; }

    public void Add(StateVerdict verdict, string description)
    {
        States++;
        BadReferences += (verdict & (StateVerdict.BadReferenceFlagged | StateVerdict.BadReferenceTrusted)) != 0 ? 1 : 0;
        TrustedBadReferences += verdict.HasFlag(StateVerdict.BadReferenceTrusted) ? 1 : 0;
        Garbage += verdict.HasFlag(StateVerdict.Garbage) ? 1 : 0;
        WrongData += verdict.HasFlag(StateVerdict.WrongData) ? 1 : 0;
        Unopenable += verdict.HasFlag(StateVerdict.Unopenable) ? 1 : 0;
        if ((verdict & StateVerdict.Violation) != 0)
        {
            Violations++;
            First ??= $"{verdict}: {description}";
        }
    }

    public override string ToString() =>
        FormattableString.Invariant($"{States} states, {Violations} violations: {BadReferences} with bad references ({TrustedBadReferences} of them trusted), {Garbage} read garbage, {WrongData} wrong data, {Unopenable} cannot be opened");
}
