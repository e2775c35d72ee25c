namespace QedVd.Cli.CommandLine;

/// <summary>A verb's name and summary, and how to set it up.</summary>
internal sealed record VerbEntry(string Name, string Summary, Func<Verb> Create);
