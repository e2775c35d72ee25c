using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class CheckVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _output;
    private readonly Option<string?> _repair;
    private readonly Option _quiet;
    private readonly Option _progress;
    private readonly Option _share;
    private readonly Argument<string?> _file;

    public CheckVerb()
        : base("check")
    {
        _format = Text("--format", "FORMAT", "The image's format; found by probing unless given.", "-f");
        _output = Text("--output", "human|json", "How to print.");
        _quiet = Switch("--quiet", "Print nothing; the exit code tells.", "-q");
        _progress = Switch("-p", "Show the progress.");
        _share = ChainOptions.AddForceShare(Command);
        _repair = Text("--repair", "leaks|all", "Not in this version.", "-r");
        _repair.Hidden = true;
        _file = Operand("FILE", "An image. Its parents are not opened.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--output=json] [-q] [-U] FILE"];

    public override string Details => "Exit code: 0 clean, 1 could not be checked, 2 corrupt, 3 leaks only, 63 the format has no check.";

    public override int FailureCode(Exception exception) =>
        exception is ImageException { Kind: ImageErrorKind.NotSupported } ? ExitCode.CheckNotSupported : ExitCode.Failed;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        if (run.Get(_repair) is not null)
        {
            throw new CliException("-r: this version reports and does not repair. Leave -r out.");
        }

        string file = run.Get(_file);
        bool json = OutputForm.IsJson(run.Get(_output));
        bool quiet = run.Has(_quiet);
        string path = HostPath.Full(file);
        var request = new ImageOpenRequest { Format = run.Get(_format), ForceShare = run.Has(_share), ForContent = true };
        var checkOptions = new CheckOptions();
        CheckReport report = await ProgressDisplay.RunAsync(
            run,
            "Checking",
            run.Has(_progress) && !json,
            quiet,
            progress => run.Host.CheckAsync(path, checkOptions, request, progress, run.Cancellation));

        if (json)
        {
            string format = request.Format ?? (await run.Host.DescribeImageAsync(path, new ImageOpenRequest { ForceShare = request.ForceShare }, run.Cancellation)).FormatId;
            JsonOutput.Write(run, writer => CheckJson.Write(writer, report, file, format));
        }
        else if (!quiet)
        {
            CheckText.Write(run.Out, report, checkOptions.MaxReportedFindings);
        }

        return report.CheckErrors > 0 ? ExitCode.Failed
            : report.Corruptions > 0 ? ExitCode.CheckCorrupt
            : report.Leaks > 0 ? ExitCode.CheckLeaks
            : ExitCode.Ok;
    }
}
