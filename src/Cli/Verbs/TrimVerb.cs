using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class TrimVerb : Verb
{
    private const string Phase = "discard";

    private readonly Option<string?> _format;
    private readonly Option<string?> _offset;
    private readonly Option<string?> _length;
    private readonly Option _all;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;

    public TrimVerb()
        : base("trim")
    {
        _format = ImageFormat("The top image's", isForWriting: true);
        _offset = Text("--offset", "OFFSET", "Begin at OFFSET of the disk; 0 unless given.");
        _length = Text("--length", "LENGTH", "Discard LENGTH bytes.");
        _all = Switch("--all", "Discard the whole disk.");
        _report = ReportOptions.AddTo(Command);
        _chain = ChainOptions.AddTo(Command, mayShare: false);
        _file = Operand("FILE", "The top image of a chain; its parents are not changed.");
    }

    public override IReadOnlyList<string> Forms { get; } =
    [
        "[-f FORMAT] [--offset OFFSET] --length LENGTH FILE",
        "[-f FORMAT] --all FILE",
    ];

    public override string Details =>
        """
        Discards data, as a guest's TRIM does: the range is not needed any more, and reads as zeros where its
        room could be given back, as before where it could not. What the guest still uses there is lost.
        The file keeps its length, with holes in it; 'compact' makes it shorter.
        """;

    public override string StoppedText => "interrupted; a part of the range was discarded, the rest is as it was, and the image is sound.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string file = run.Get(_file);
        string path = HostPath.Full(file);
        string? format = run.Get(_format);
        Report report = _report.Read(run);
        (long offset, long? wanted) = ReadRange(run);
        DiskOpenOptions open = _chain.Read(run, format, readOnly: false);
        ImageFileSize before = await RoomReport.MeasureAsync(run, path, format);
        long length;
        await using (VirtualDisk disk = await run.Host.OpenDiskAsync(path, open, run.Cancellation))
        {
            length = wanted ?? disk.LengthBytes;
            if (offset > disk.LengthBytes || length > disk.LengthBytes - offset)
            {
                throw new CliException($"{file}: {length} bytes at {offset} are not inside the disk of {disk.LengthBytes} bytes; nothing was discarded.");
            }

            await report.FollowAsync("Discarding", progress => DiscardAsync(disk, offset, length, progress, run.Cancellation));
            await disk.CloseAsync();
        }

        var room = new RoomReport(before, await RoomReport.MeasureAsync(run, path, format));
        report.Write(
            json =>
            {
                json.WriteString("filename", file);
                json.WriteNumber("offset", offset);
                json.WriteNumber("length", length);
                room.WriteJson(json);
            },
            output =>
            {
                output.WriteLine($"Discarded {SizeText.Human(length)} at {offset} ({length} bytes).");
                room.WriteText(output);
            });
        return ExitCode.Ok;
    }

    private (long Offset, long? Length) ReadRange(VerbRun run)
    {
        string? offset = run.Get(_offset);
        string? length = run.Get(_length);
        if (run.Has(_all))
        {
            return offset is null && length is null
                ? (0, null)
                : throw new CliException("--all: is the whole disk; leave --offset and --length out.");
        }

        // Never the whole disk because something was forgotten.
        return length is null
            ? throw new CliException("--length is missing: say how much to discard, or --all for the whole disk.")
            : (offset is null ? 0 : SizeText.Parse(offset, "--offset"), SizeText.Parse(length, "--length"));
    }

    private static async ValueTask DiscardAsync(VirtualDisk disk, long offset, long length, IProgress<OperationProgress> progress, CancellationToken cancellation)
    {
        long step = disk.Limits.MaxDiscardBytes;
        for (long done = 0; done < length;)
        {
            cancellation.ThrowIfCancellationRequested();
            long part = Math.Min(step, length - done);
            await disk.DiscardAsync(offset + done, part, cancellationToken: cancellation);
            done += part;
            progress.Report(new OperationProgress(done, length, Phase));
        }

        await disk.FlushAsync(cancellation);
    }
}
