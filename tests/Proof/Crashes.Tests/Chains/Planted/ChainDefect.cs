using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains.Planted;

/// <summary>Something that is made wrong on purpose, to see that the search finds it.</summary>
internal sealed record ChainDefect
{
    /// <summary>Barriers of the command that the storage drops.</summary>
    public Func<FolderEvent, bool> Drops { get; init; } = _ => false;

    /// <summary>What becomes of a state before anybody looks at it.</summary>
    public Func<FolderState, FolderState> Spoils { get; init; } = state => state;

    public FolderTrace In(FolderTrace trace) =>
        new(trace.Files, trace.InitialNames, [.. trace.Events.Select(each => each.Change is null && each.Names is null && Drops(each) ? each with { CoveredCount = 0 } : each)], trace.Ambiguous);
}
