using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class ResizeVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option _shrink;
    private readonly Option<string?> _preallocation;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;
    private readonly Argument<string?> _size;
    private bool _isShrink;

    public ResizeVerb()
        : base("resize")
    {
        _format = ImageFormat(isForWriting: true);
        _shrink = Switch("--shrink", "The disk may become smaller; what lies beyond the new end is lost.");
        _preallocation = Text("--preallocation", "off", "Room is allocated when it is written; there is no other way here.");
        _report = ReportOptions.AddTo(Command);
        _chain = ChainOptions.AddTo(Command, mayShare: false);
        _file = Operand("FILE", "The image to resize; its parents are not changed.");
        _size = Operand("SIZE", "The new size, a multiple of 512; +SIZE grows by that much, -SIZE shrinks by it.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[--shrink] [-f FORMAT] [-p] [-q] FILE [+|-]SIZE"];

    public override string Details =>
        """
        New space reads as zeros, also where a parent is longer. Shrinking loses what lies beyond the new
        end, and takes it from images that have FILE as their parent too: they are not known here. Its room
        goes back; what is more than 256 MiB stays as holes in the file until compact or check -r leaks.
        The partitions and file systems inside are not resized: do that in the guest, before shrinking
        and after growing.
        """;

    public override string StoppedText => _isShrink
        ? "interrupted; the image is sound, and what lies inside the new size is untouched; what lies beyond may be gone already. Run it again to finish."
        : "interrupted; the image is sound, and nothing in it has changed unless it has the new size already.";

    // -1G is a size here.
    public override bool IsOperand(string word) => word.Length > 1 && word[0] == '-' && char.IsAsciiDigit(word[1]);

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string file = run.Get(_file);
        Report report = _report.Read(run);
        SizeChange change = SizeChange.Parse(run.Get(_size));
        if (run.Get(_preallocation) is { } preallocation and not "off")
        {
            throw new CliException($"--preallocation: '{preallocation}' cannot be had here; only off: room is allocated when it is written.");
        }

        string path = HostPath.Full(file);
        await using VirtualDisk disk = await run.Host.OpenDiskAsync(path, _chain.Read(run, run.Get(_format), readOnly: false), run.Cancellation);
        long before = disk.LengthBytes;
        long after = change.Of(before, file);
        bool mayShrink = run.Has(_shrink);
        _isShrink = after < before;
        if (_isShrink && !mayShrink)
        {
            throw new CliException($"{file}: {after} bytes are less than the disk has ({before}): what lies beyond would be lost. If that is meant, give --shrink.");
        }

        await report.FollowAsync(
            "Resizing",
            progress => disk.ResizeAsync(after, mayShrink, progress, run.Cancellation));
        await disk.CloseAsync();
        report.Write(
            json =>
            {
                json.WriteString("filename", file);
                json.WriteNumber("virtual-size-before", before);
                json.WriteNumber("virtual-size", after);
            },
            output => output.WriteLine("Image resized."));
        return ExitCode.Ok;
    }
}
