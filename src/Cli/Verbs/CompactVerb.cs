using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class CompactVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option _keepZeros;
    private readonly Option _dropEqual;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;

    public CompactVerb()
        : base("compact")
    {
        _format = ImageFormat();
        _keepZeros = Switch("--keep-zeros", "Do not read the data to find clusters that are all zero; quicker, and may give back less.");
        _dropEqual = Switch("--drop-equal-to-parent", "Drop clusters that hold what the parents hold there.");
        _report = ReportOptions.AddTo(Command);
        _chain = ChainOptions.AddTo(Command, mayShare: false);
        _file = Operand("FILE", "The image to compact, in place; its parents are not changed.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--keep-zeros] [--drop-equal-to-parent] [-p] [-q] FILE"];

    public override string Details =>
        """
        What the disk reads stays the same. The image is valid at every moment: after an interruption
        nothing is lost, and running it again goes on. No second file is needed.
        With --drop-equal-to-parent the image relies on its parents for what it drops: they must not change.
        """;

    public override string StoppedText => "interrupted; the image is sound and complete, and what was given back stays so. Run it again to go on.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string path = HostPath.Full(run.Get(_file));
        Report report = _report.Read(run);
        string? format = run.Get(_format);
        DiskOpenOptions open = _chain.Read(run, format, readOnly: false);
        var compact = new DiskCompactOptions { DropZeroBlocks = !run.Has(_keepZeros), DropBlocksEqualToParent = run.Has(_dropEqual) };
        ImageFileSize before = await RoomReport.MeasureAsync(run, path, format);
        await using (VirtualDisk disk = await run.Host.OpenDiskAsync(path, open, run.Cancellation))
        {
            await report.FollowAsync("Compacting", progress => disk.CompactAsync(compact, progress, run.Cancellation));
            await disk.CloseAsync();
        }

        var room = new RoomReport(before, await RoomReport.MeasureAsync(run, path, format));
        report.Write(
            json =>
            {
                json.WriteString("filename", run.Get(_file));
                room.WriteJson(json);
            },
            room.WriteText);
        return ExitCode.Ok;
    }
}
