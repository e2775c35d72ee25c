using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class ProbeVerb : Verb
{
    private readonly ReportOptions _report;
    private readonly Argument<string[]> _files;

    public ProbeVerb()
        : base("probe")
    {
        _report = ReportOptions.AddTo(Command, progress: false, quiet: null);
        _files = Operands("FILE...", "Files of any kind. They are only read, and nothing that they name is opened.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[--output=json] FILE..."];

    public override string Details => "Asks every backend, ranks the answers, and names well-known formats that no backend is for.\nExit code: 0 if every file could be read, whatever it is.";

    public override bool StopsCleanly => false;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        bool json = _report.Read(run).IsJson;
        List<(string Given, ProbeReport Report)> reports = [];
        int failures = 0;
        foreach (string file in run.Get(_files))
        {
            try
            {
                ProbeReport report = await run.Host.ProbeAsync(HostPath.Full(file), run.Cancellation);
                if (json)
                {
                    reports.Add((file, report));
                }
                else
                {
                    ProbeOutput.WriteText(run.Out, file, report);
                }
            }
            catch (ImageException exception)
            {
                // The other files are looked at all the same.
                run.Out.Flush();
                run.Note(ErrorText.Of(exception, run.Command));
                failures++;
            }
        }

        if (json)
        {
            JsonOutput.Write(run, writer => ProbeOutput.WriteJson(writer, reports));
        }

        return failures == 0 ? ExitCode.Ok : ExitCode.Failed;
    }
}
