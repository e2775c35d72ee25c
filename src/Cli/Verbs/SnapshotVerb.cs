using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class SnapshotVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _overlayFormat;
    private readonly Option<string[]> _formatOptions;
    private readonly Option _absolute;
    private readonly Option _overwrite;
    private readonly ReportOptions _report;
    private readonly Argument<string?> _file;
    private readonly Argument<string?> _new;

    public SnapshotVerb()
        : base("snapshot")
    {
        _format = ImageFormat("FILE's", isForWriting: true);
        _overlayFormat = Text("--overlay-format", "FORMAT", "NEW's format; FILE's own where that can have parents, else qed.", "-O");
        _formatOptions = Texts("--options", "NAME=VALUE,...", "Options of NEW's format; -o help lists them.", "-o");
        _absolute = Switch("--absolute", "Store FILE's full path in NEW, not one relative to NEW's folder.");
        _overwrite = Switch("--overwrite", "Replace NEW if it exists.");
        _report = ReportOptions.AddTo(Command, progress: false);
        _file = Operand("FILE", "The image to freeze. Nothing in it is changed.");
        _new = OptionalOperand("NEW", "The overlay to go on in.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [-o OPTIONS] FILE NEW"];

    public override string Details =>
        """
        Go on in NEW: it reads as FILE does, and takes the writes. FILE must not be written any more.
        For an image that a program has open use VirtualDisk.SnapshotAsync in that program.
        """;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _report.Read(run);
        FormatOptions formatOptions = FormatOptions.Parse(run.Get(_formatOptions));
        if (formatOptions.IsHelp)
        {
            FormatOptionsHelp.Write(run.Out, run.Catalog.Get(run.Get(_overlayFormat) ?? "qed"));
            return ExitCode.Ok;
        }

        string file = run.Get(_file);
        string overlay = run.GetOptional(_new) ?? throw new CliException("NEW is missing. See qedvd snapshot --help.");
        string? size = formatOptions.Take("size");
        ImageDescription image = await run.Host.CreateOverlayAsync(
            HostPath.Full(file),
            HostPath.Full(overlay),
            new CreateOverlayOptions
            {
                ParentFormat = run.Get(_format),
                FormatId = run.Get(_overlayFormat),
                VirtualSizeBytes = size is null ? null : SizeText.Parse(size, "-o size"),
                AbsoluteParentName = run.Has(_absolute),
                Overwrite = run.Has(_overwrite),
                FormatOptions = formatOptions.Values,
            },
            run.Cancellation);
        report.Write(
            json => InfoJson.WriteProperties(json, ImageInfo.Of(overlay, image, isTop: true), depth: null),
            output =>
            {
                output.WriteLine(CreatedLine.Of(overlay, image, run.Get(_format)));
                output.WriteLine($"Go on in '{DisplayText.Escape(overlay)}'; '{DisplayText.Escape(file)}' must not be written any more.");
            });

        return ExitCode.Ok;
    }
}
