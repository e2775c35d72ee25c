using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class CreateVerb : Verb
{
    private const string DefaultFormat = "qed";

    private readonly Option<string?> _format;
    private readonly Option<string[]> _formatOptions;
    private readonly Option<string?> _parent;
    private readonly Option<string?> _parentFormat;
    private readonly Option _unchecked;
    private readonly Option _overwrite;
    private readonly ReportOptions _report;
    private readonly Argument<string?> _file;
    private readonly Argument<string?> _size;

    public CreateVerb()
        : base("create")
    {
        _format = Text("--format", "FORMAT", $"The new image's format; {DefaultFormat} unless given.", "-f");
        _formatOptions = Texts("--options", "NAME=VALUE,...", "Options of the format, listed below.", "-o");
        _parent = Text("--backing", "PARENT", "Make an overlay on PARENT, a name relative to the new image's folder.", "-b");
        _parentFormat = Text("--backing-format", "FORMAT", "The parent's format; needed with -b.", "-F");
        _unchecked = Switch("--unsafe", "Do not look at the parent; it need not exist. Needs a SIZE.", "-u");
        _overwrite = Switch("--overwrite", "Replace FILE if it exists.");
        _report = ReportOptions.AddTo(Command, progress: false);
        _file = OptionalOperand("FILE", "The new image; it appears when it is complete.");
        _size = OptionalOperand("SIZE", "The size of its disk; the parent's unless given.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [-o OPTIONS] [-b PARENT -F FORMAT] FILE [SIZE]"];

    public override async ValueTask WriteMoreHelpAsync(VerbRun run)
    {
        foreach (IImageBackend backend in run.Catalog.Backends.Where(CanCreate))
        {
            await run.Out.WriteLineAsync();
            FormatOptionsHelp.Write(run.Out, backend);
        }
    }

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _report.Read(run);
        string format = run.Get(_format) ?? DefaultFormat;
        FormatOptions formatOptions = FormatOptions.Parse(run.Get(_formatOptions));
        if (formatOptions.IsHelp)
        {
            FormatOptionsHelp.Write(run.Out, run.Catalog.Get(format));
            return ExitCode.Ok;
        }

        string file = run.GetOptional(_file) ?? throw new CliException("FILE is missing. See qedvd create --help.");
        string? parent = OptionOnce.Of("the parent", "-b", run.Get(_parent), "-o backing_file", formatOptions.Take("backing_file"));
        string? parentFormat = OptionOnce.Of("the parent's format", "-F", run.Get(_parentFormat), "-o backing_fmt", formatOptions.Take("backing_fmt"));
        string? size = OptionOnce.Of("the size", "SIZE", run.GetOptional(_size), "-o size", formatOptions.Take("size"));
        bool isUnchecked = run.Has(_unchecked);
        string path = HostPath.Full(file);
        if (parent is not null && parentFormat is null)
        {
            string parentPath = Path.GetFullPath(parent, Path.GetDirectoryName(path) ?? "/");
            throw new CliException(await ParentFormatQuestion.AskAsync(run, parentPath, "-b", "-F "));
        }

        if (parent is null && parentFormat is not null)
        {
            throw new CliException("-F: names the format of a parent, but there is none. Give -b PARENT too.");
        }

        if (size is null && (parent is null || isUnchecked))
        {
            throw new CliException(parent is null ? "SIZE is missing. Give the size of the disk, for example 10G." : "SIZE is missing: with -u the parent is not asked for it.");
        }

        ImageDescription image = await run.Host.CreateImageAsync(
            path,
            format,
            new CreateDiskOptions
            {
                VirtualSizeBytes = size is null ? null : SizeText.Parse(size, "SIZE"),
                ParentName = parent,
                ParentFormat = parentFormat,
                DoNotOpenParent = isUnchecked,
                Overwrite = run.Has(_overwrite),
                FormatOptions = formatOptions.Values,
            },
            run.Cancellation);
        report.Write(
            json => InfoJson.WriteProperties(json, ImageInfo.Of(file, image, isTop: true), depth: null),
            output => output.WriteLine(CreatedLine.Of(file, image, parentFormat)));

        return ExitCode.Ok;
    }

    private static bool CanCreate(IImageBackend backend) =>
        (backend.Info.Capabilities & (ImageCapabilities.CreateDynamic | ImageCapabilities.CreateFixed)) != 0;
}
