using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class CheckVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _repair;
    private readonly Option _dryRun;
    private readonly Option<string?> _maxFindings;
    private readonly ReportOptions _report;
    private readonly Option _share;
    private readonly Argument<string?> _file;
    private bool _isRepair;
    private long _lostBytes;

    public CheckVerb()
        : base("check")
    {
        _format = ImageFormat();
        _repair = Text("--repair", "leaks|all", "Give back what nothing refers to (leaks), or mend all that can be mended.", "-r");
        _dryRun = Switch("--dry-run", "With -r: say what it would do, and change nothing.");
        _maxFindings = Text("--max-findings", "N", $"List at most N findings, and N repairs; {new CheckOptions().MaxReportedFindings} unless given. All are counted.");
        _report = ReportOptions.AddTo(Command, quiet: "Print nothing but what could not be read; the exit code tells.");
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
        Report told = _report.Read(run);
        string path = HostPath.Full(file);
        var request = new ImageOpenRequest { Format = run.Get(_format), ForceShare = run.Has(_share), ForContent = true };
        _isRepair = check.Repair != RepairMode.None && !check.DryRun;
        CheckReport report = await told.FollowAsync(
            _isRepair ? "Repairing" : "Checking",
            progress => run.Host.CheckAsync(path, check, request, progress, run.Cancellation));

        if (told.IsJson)
        {
            string format = request.Format ?? (await run.Host.DescribeImageAsync(path, new ImageOpenRequest { ForceShare = request.ForceShare }, run.Cancellation)).FormatId;
            told.WriteJson(writer => CheckJson.Write(writer, report, check, _lostBytes, file, format));
        }
        else
        {
            told.WriteText(output => CheckText.Write(output, report, check, _lostBytes, file));
            if (told.IsQuiet)
            {
                NoteErrors(run, report, file);
            }
        }

        return report.CheckErrors > 0 ? ExitCode.Failed
            : report.Corruptions > 0 ? ExitCode.CheckCorrupt
            : report.Leaks > 0 ? ExitCode.CheckLeaks
            : ExitCode.Ok;
    }

    // What else was found is the result, and the exit code says it; an error needs its cause.
    private static void NoteErrors(VerbRun run, CheckReport report, string file)
    {
        int told = 0;
        foreach (CheckFinding finding in report.Findings.Where(finding => finding.Kind == CheckFindingKind.ReadError))
        {
            run.Note(finding.Message);
            told++;
        }

        if (report.CheckErrors > told)
        {
            run.Note($"{file}: {report.CheckErrors - told} {(told > 0 ? "more " : "")}tables could not be read.");
        }
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
