using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class ConvertVerb : Verb
{
    private const int MaxZeroBlockBytes = 1 << 20;

    private readonly Option<string?> _format;
    private readonly Option<string?> _targetFormat;
    private readonly Option<string[]> _formatOptions;
    private readonly Option<string?> _sparse;
    private readonly Option _overwrite;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _source;
    private readonly Argument<string?> _target;

    public ConvertVerb()
        : base("convert")
    {
        _format = ImageFormat("The source's");
        _targetFormat = Text("--target-format", "FORMAT", "The target's format; raw unless given.", "-O");
        _formatOptions = Texts("--options", "NAME=VALUE,...", "Options of the target's format; -o help lists them.", "-o");
        _sparse = Text("--sparse-size", "SIZE", "Leave out zeros in pieces of SIZE (4k unless given); 0: copy them.", "-S");
        _overwrite = Switch("--overwrite", "Replace TARGET if it exists.");
        _report = ReportOptions.AddTo(Command, quiet: "Print nothing, and show no progress.");
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _source = Operand("SOURCE", "The top image of a chain.");
        _target = OptionalOperand("TARGET", "The new image; it appears when it is complete.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] -O FORMAT [-o OPTIONS] SOURCE TARGET"];

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

        string target = run.GetOptional(_target) ?? throw new CliException("TARGET is missing. See qedvd convert --help.");
        if (formatOptions.Take("backing_file") is not null || formatOptions.Take("backing_fmt") is not null)
        {
            throw new CliException("-o backing_file: convert makes an image without a parent. To put an overlay on an image use qedvd create -b.");
        }

        long zeroBlock = run.Get(_sparse) is { } sparse ? SizeText.Parse(sparse, "-S") : 4096;
        if (zeroBlock > MaxZeroBlockBytes)
        {
            throw new CliException($"-S: {zeroBlock} is more than {MaxZeroBlockBytes}; give less.");
        }

        var options = new ConvertOptions
        {
            TargetFormat = targetFormat,
            Source = _chain.Read(run, run.Get(_format), readOnly: true),
            FormatOptions = formatOptions.Values,
            Overwrite = run.Has(_overwrite),
            ZeroBlockBytes = (int)zeroBlock,
        };
        string sourcePath = HostPath.Full(run.Get(_source));
        string targetPath = HostPath.Full(target);
        await report.FollowAsync(
            "Converting",
            progress => run.Host.ConvertAsync(sourcePath, targetPath, options, progress, run.Cancellation));
        return ExitCode.Ok;
    }
}
