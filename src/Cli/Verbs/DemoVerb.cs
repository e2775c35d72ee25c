using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Verbs;

internal sealed class DemoVerb : Verb
{
    public DemoVerb()
        : base("demo")
    {
    }

    public override IReadOnlyList<string> Forms { get; } = ["[MYIMAGE]"];

    public override ValueTask<int> RunAsync(VerbRun run) => throw new CliException("not there yet.");
}
