using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class PluginsVerb : Verb
{
    private readonly ReportOptions _report;

    public PluginsVerb()
        : base("plugins")
    {
        _report = ReportOptions.AddTo(Command, progress: false, quiet: null);
    }

    public override IReadOnlyList<string> Forms { get; } = ["[--output=json] [--plugins DIR]"];

    public override string Details => "A plugin is a folder NAME with NAME.dll in it, in the folder 'plugins' beside the program or in DIR.";

    public override bool StopsCleanly => false;

    public override ValueTask<int> RunAsync(VerbRun run)
    {
        IReadOnlyList<PluginReport> plugins = run.Catalog.Plugins;
        if (_report.Read(run).IsJson)
        {
            JsonOutput.Write(run, json => PluginsOutput.WriteJson(json, plugins));
        }
        else if (run.Streams.IsOutTerminal)
        {
            PluginsTable.Draw(Terminal.ForOutput(), plugins);
        }
        else
        {
            PluginsOutput.WriteText(run.Out, plugins);
        }

        return new(ExitCode.Ok);
    }
}
