using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class MeasureVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _targetFormat;
    private readonly Option<string[]> _formatOptions;
    private readonly Option<string?> _parent;
    private readonly Option<string?> _parentFormat;
    private readonly Option<string?> _size;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;

    public MeasureVerb()
        : base("measure")
    {
        _format = ImageFormat("FILE's");
        _targetFormat = Text("--target-format", "FORMAT", "The format of the image to be made; raw unless given.", "-O");
        _formatOptions = Texts("--options", "NAME=VALUE,...", "Options of that format; -o help lists them.", "-o");
        _parent = Text("--backing", "PARENT", "The image is to be an overlay on PARENT.", "-B");
        _parentFormat = Text("--backing-format", "FORMAT", "The parent's format; needed where probing is not certain, as for raw.", "-F");
        _size = Text("--size", "SIZE", "Of an image for a disk of SIZE, instead of FILE's.");
        _report = ReportOptions.AddTo(Command, progress: false, quiet: null);
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _file = OptionalOperand("FILE", "The top image of a chain that would be converted.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [-O FORMAT] [-o OPTIONS] [-B PARENT [-F FORMAT]] [--output=json] FILE", "[-O FORMAT] [-o OPTIONS] --size SIZE"];

    public override string Details =>
        """
        Says how long the file of an image would become into which FILE is converted (required), and how long
        once all of its disk has been written (fully allocated). Tables are read, no data: zeros inside of
        data make the file shorter than that. In JSON 'allocated' is what of it takes room on a volume.
        """;

    public override bool StopsCleanly => false;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _report.Read(run);
        string targetFormat = run.Get(_targetFormat) ?? "raw";
        FormatOptions formatOptions = FormatOptions.Parse(run.Get(_formatOptions));
        if (formatOptions.IsHelp)
        {
            FormatOptionsHelp.Write(run.Out, run.Catalog.Get(targetFormat));
            return ExitCode.Ok;
        }

        string? file = run.GetOptional(_file);
        string? size = run.Get(_size);
        if ((file is null) == (size is null))
        {
            throw new CliException(file is null ? "FILE is missing, or --size SIZE." : "--size: cannot be used together with FILE; leave one of them out.");
        }

        string? parent = run.Get(_parent) is { } name ? HostPath.Full(name) : null;
        var options = new MeasureOptions
        {
            TargetFormat = targetFormat,
            FormatOptions = formatOptions.Values,
            Source = _chain.Read(run, run.Get(_format), readOnly: true),
            ParentPath = parent,
            ParentFormat = parent is null ? null : run.Get(_parentFormat) ?? await ParentFormatQuestion.FindOrAskAsync(run, parent, "-B", "-F "),
        };
        ImageMeasurement result = size is not null
            ? await run.Host.MeasureAsync(SizeText.Parse(size, "--size"), options, run.Cancellation)
            : await run.Host.MeasureAsync(HostPath.Full(file!), options, run.Cancellation);
        report.Write(
            json =>
            {
                json.WriteNumber("required", result.RequiredBytes);
                json.WriteNumber("fully-allocated", result.FullyAllocatedBytes);
                json.WriteNumber("allocated", result.AllocatedBytes);
            },
            output =>
            {
                output.WriteLine($"required size: {result.RequiredBytes}");
                output.WriteLine($"fully allocated size: {result.FullyAllocatedBytes}");
            });
        return ExitCode.Ok;
    }
}
