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
    private readonly Option _dryRun;
    private readonly Option<string?> _maxFindings;
    private readonly Option _quiet;
    private readonly Option _progress;
    private readonly Option _share;
    private readonly Argument<string?> _file;
    private bool _isRepair;
    private long _lostBytes;

    public CheckVerb()
        : base("check")
    {
        _format = Text("--format", "FORMAT", "The image's format; found by probing unless given.", "-f");
        _repair = Text("--repair", "leaks|all", "Give back what nothing refers to (leaks), or mend all that can be mended.", "-r");
        _dryRun = Switch("--dry-run", "With -r: say what it would do, and change nothing.");
        _output = Text("--output", "human|json", "How to print.");
        _maxFindings = Text("--max-findings", "N", $"List at most N findings, and N repairs; {new CheckOptions().MaxReportedFindings} unless given. All are counted.");
        _quiet = Switch("--quiet", "Print nothing; the exit code tells.", "-q");
        _progress = Switch("-p", "Show the progress (on a terminal it is shown anyway).");
        _share = ChainOptions.AddForceShare(Command);
        _file = Operand("FILE", "An image. Its parents are not opened.");
    }

    public override IReadOnlyList<string> Forms { get; } =
    [
        "[-f FORMAT] [--output=json] [-q] [-U] FILE",
        "-r leaks|all [--dry-run] [-f FORMAT] [--output=json] [-q] FILE",
    ];

    public override string Details =>
        """
        Without -r nothing is changed. With it, data that can be reached stays reachable: what two entries
        share is copied apart, and an entry is cleared only when it names no usable place. The report says
        what was found, what was done, and what was lost; the counts after it are those of the image as it
        is now. After an interruption run it again: it finishes the work.
        Exit code, with -r that of the state after it: 0 clean, 1 could not be checked, 2 corrupt,
        3 leaks only, 63 the format has no check.
        """;

    public override string StoppedText => _isRepair
        ? "interrupted; no data was lost by it. Run it again to finish the repair."
        : base.StoppedText;

    public override int FailureCode(Exception exception) =>
        exception is ImageException { Kind: ImageErrorKind.NotSupported } ? ExitCode.CheckNotSupported : ExitCode.Failed;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string file = run.Get(_file);
        CheckOptions check = ReadOptions(run);
        bool json = OutputForm.IsJson(run.Get(_output));
        bool quiet = run.Has(_quiet);
        string path = HostPath.Full(file);
        var request = new ImageOpenRequest { Format = run.Get(_format), ForceShare = run.Has(_share), ForContent = true };
        _isRepair = check.Repair != RepairMode.None && !check.DryRun;
        CheckReport report = await ProgressDisplay.RunAsync(
            run,
            _isRepair ? "Repairing" : "Checking",
            run.Has(_progress) && !json,
            quiet,
            progress => run.Host.CheckAsync(path, check, request, progress, run.Cancellation));

        if (json)
        {
            string format = request.Format ?? (await run.Host.DescribeImageAsync(path, new ImageOpenRequest { ForceShare = request.ForceShare }, run.Cancellation)).FormatId;
            JsonOutput.Write(run, writer => CheckJson.Write(writer, report, check, _lostBytes, file, format));
        }
        else if (!quiet)
        {
            CheckText.Write(run.Out, report, check, _lostBytes);
        }

        return report.CheckErrors > 0 ? ExitCode.Failed
            : report.Corruptions > 0 ? ExitCode.CheckCorrupt
            : report.Leaks > 0 ? ExitCode.CheckLeaks
            : ExitCode.Ok;
    }

    private CheckOptions ReadOptions(VerbRun run)
    {
        RepairMode repair = RepairText.Parse(run.Get(_repair));
        bool dryRun = run.Has(_dryRun);
        if (dryRun && repair == RepairMode.None)
        {
            throw new CliException("--dry-run: says what -r would do; give -r leaks or -r all too.");
        }

        if (repair != RepairMode.None && !dryRun && run.Has(_share))
        {
            throw new CliException("-U: is for reading; a repair beside a program that writes would destroy data. Leave -U out, or add --dry-run.");
        }

        var check = new CheckOptions { Repair = repair, DryRun = dryRun, OnRepair = AddLoss };
        return run.Get(_maxFindings) is { } max
            ? check with { MaxReportedFindings = (int)NumberText.Parse(max, "--max-findings", 0, int.MaxValue) }
            : check;
    }

    // Of all, not only of those that the report keeps.
    private void AddLoss(RepairAction action)
    {
        if (action is { IsLoss: true, DiskOffset: >= 0, LengthBytes: > 0 })
        {
            Interlocked.Add(ref _lostBytes, action.LengthBytes);
        }
    }
}
