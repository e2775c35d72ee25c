namespace QedVd.Hostile.Tests.Verbs;

/// <summary>What a run of a verb said.</summary>
internal sealed record VerbOutcome(int ExitCode, string Output, string Error);
