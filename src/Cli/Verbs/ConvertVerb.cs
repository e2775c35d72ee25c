using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class ConvertVerb : Verb
{
    private const string DefaultFormat = "raw";
    private const int DefaultZeroBlockBytes = 4096;
    private const int MaxZeroBlockBytes = 1 << 20;
    private const int MaxWorkers = 16;

    private readonly Option<string?> _format;
    private readonly Option<string?> _targetFormat;
    private readonly Option<string[]> _formatOptions;
    private readonly Option<string?> _parent;
    private readonly Option<string?> _parentFormat;
    private readonly Option _intoExisting;
    private readonly Option<string?> _workers;
    private readonly Option _outOfOrder;
    private readonly Option<string?> _sparse;
    private readonly Option _overwrite;
    private readonly Option<string?> _cache;
    private readonly OperationOptions _operation;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _source;
    private readonly Argument<string?> _target;
    private bool _isIntoExisting;

    public ConvertVerb()
        : base("convert")
    {
        _format = ImageFormat("The source's");
        _targetFormat = Text("--target-format", "FORMAT", "The target's format; raw unless given, with -n found by probing.", "-O");
        _formatOptions = Texts("--options", "NAME=VALUE,...", "Options of the target's format; -o help lists them.", "-o");
        _parent = Text("--backing", "PARENT", "Make TARGET an overlay on PARENT, a name relative to TARGET's folder: only what differs is stored.", "-B");
        _parentFormat = Text("--backing-format", "FORMAT", "The parent's format; needed where probing is not certain, as for raw.", "-F");
        _intoExisting = Switch("--no-create", "Write into TARGET, which exists and is as long as the source or longer.", "-n");
        _workers = Text("--workers", "N", "Work on N pieces at a time, 1 to 16.", "-m");
        _outOfOrder = Switch("--out-of-order", "Accepted as qemu-img has it; with several pieces at a time the order is never kept.", "-W");
        _sparse = Text("--sparse-size", "SIZE", "Leave out zeros in pieces of SIZE (4k unless given); 0: leave out nothing, allocate all.", "-S");
        _overwrite = Switch("--overwrite", "Replace TARGET if it exists.");
        _cache = CacheMode.AddTo(Command);
        _operation = OperationOptions.AddTo(Command);
        _report = ReportOptions.AddTo(Command, quiet: "Print nothing, and show no progress.");
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _source = Operand("SOURCE", "The top image of a chain.");
        _target = OptionalOperand("TARGET", "The new image; it appears when it is complete. With -n an image that exists.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] -O FORMAT [-o OPTIONS] [-B PARENT [-F FORMAT]] SOURCE TARGET", "-n [-f FORMAT] [-O FORMAT] SOURCE TARGET"];

    public override string Details =>
        """
        Without -B the copy needs no parent. With it, what PARENT reads is left out, and zeros over it stay
        zeros. With -n nothing is left half made either: stopped, TARGET is a valid image that holds a part.
        TARGET is durable before it gets its name; -t unsafe leaves that to the system, as qemu-img does
        unless told otherwise: after a power cut it may have its name and not all of its data.
        """;

    public override string StoppedText => _isIntoExisting ? "stopped; TARGET is a valid image that holds a part of it. Run it again to complete it." : base.StoppedText;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _report.Read(run);
        string? targetFormat = run.Get(_targetFormat);
        FormatOptions formatOptions = FormatOptions.Parse(run.Get(_formatOptions));
        if (formatOptions.IsHelp)
        {
            FormatOptionsHelp.Write(run.Out, run.Catalog.Get(targetFormat ?? DefaultFormat));
            return ExitCode.Ok;
        }

        string source = run.Get(_source);
        string target = run.GetOptional(_target) ?? throw new CliException("TARGET is missing. See qedvd convert --help.");
        string targetPath = HostPath.Full(target);
        _isIntoExisting = run.Has(_intoExisting);
        string? parent = OptionOnce.Of("the parent", "-B", run.Get(_parent), "-o backing_file", formatOptions.Take("backing_file"));
        string? parentFormat = OptionOnce.Of("the parent's format", "-F", run.Get(_parentFormat), "-o backing_fmt", formatOptions.Take("backing_fmt"));
        if (_isIntoExisting)
        {
            RefuseWhatMakesAnImage(run, formatOptions, parent);
        }

        if (parent is null && parentFormat is not null)
        {
            throw new CliException("-F: names the format of a parent, but there is none. Give -B PARENT too.");
        }

        string? parentPath = parent is null ? null : Path.GetFullPath(parent, Path.GetDirectoryName(targetPath) ?? "/");
        var options = new ConvertOptions
        {
            TargetFormat = targetFormat ?? (_isIntoExisting ? null : DefaultFormat),
            Source = _chain.Read(run, run.Get(_format), readOnly: true),
            FormatOptions = formatOptions.Values,
            ParentPath = parentPath,
            ParentFormat = parentPath is null ? null : parentFormat ?? await ParentFormatQuestion.FindOrAskAsync(run, parentPath, "-B", "-F "),
            IntoExisting = _isIntoExisting,
            Overwrite = run.Has(_overwrite),
            ZeroBlockBytes = ReadZeroBlock(run),
            Workers = run.Get(_workers) is { } workers ? (int)NumberText.Parse(workers, "-m", 1, MaxWorkers) : null,
            TargetMode = CacheMode.Read(run, _cache),
            MaxBytesPerSecond = _operation.Rate(run),
            SkipSpaceCheck = _operation.SkipsSpaceCheck(run),
        };
        OperationResult result = await report.FollowAsync("Converting", progress => run.Host.ConvertAsync(HostPath.Full(source), targetPath, options, progress, run.Cancellation));
        report.Write(
            json =>
            {
                json.WriteString("filename", source);
                json.WriteString("target", target);
                json.WriteNumber("virtual-size", result.DiskBytes);
                json.WriteNumber("copied-bytes", result.CopiedBytes);
                json.WriteNumber("skipped-bytes", result.SkippedBytes);
            },
            _ => { });
        return ExitCode.Ok;
    }

    private void RefuseWhatMakesAnImage(VerbRun run, FormatOptions formatOptions, string? parent)
    {
        string? option = parent is not null ? "-B" : formatOptions.Values.Count > 0 ? "-o" : run.Has(_overwrite) ? "--overwrite" : null;
        if (option is not null)
        {
            throw new CliException($"{option}: is for a new image, and with -n there is none. Leave one of them out.");
        }
    }

    private int ReadZeroBlock(VerbRun run)
    {
        long bytes = run.Get(_sparse) is { } sparse ? SizeText.Parse(sparse, "-S") : DefaultZeroBlockBytes;
        return bytes <= MaxZeroBlockBytes ? (int)bytes : throw new CliException($"-S: {bytes} is more than {MaxZeroBlockBytes}; give less.");
    }
}
