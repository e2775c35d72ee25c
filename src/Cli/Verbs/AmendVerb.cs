using System.CommandLine;
using System.Text;
using System.Text.Unicode;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class AmendVerb : Verb
{
    private const string ParentOption = "backing_file";
    private const string ParentFormatOption = "backing_fmt";

    private readonly Option<string?> _format;
    private readonly Option<string[]> _changes;
    private readonly Option _unchecked;
    private readonly Option _absolute;
    private readonly ReportOptions _report;
    private readonly Argument<string?> _file;

    public AmendVerb()
        : base("amend")
    {
        _format = ImageFormat();
        _changes = Texts("--options", "NAME=VALUE,...", "What to change; -o help lists what can be.", "-o");
        _unchecked = Switch("--unsafe", "Do not look at the parent; it need not exist.", "-u");
        _absolute = Switch("--absolute", "Store the parent's full path, not the name as it is given.");
        _report = ReportOptions.AddTo(Command, progress: false);
        _file = OptionalOperand("FILE", "An image that is not in use.");
    }

    public override IReadOnlyList<string> Forms { get; } = [$"[-f FORMAT] [-u] [--absolute] -o {ParentOption}=PARENT,{ParentFormatOption}=FORMAT FILE", $"-o {ParentOption}= FILE"];

    public override string Details =>
        """
        Changes in place what can be changed so: the parent's name, and whether it is marked as raw. The name
        is relative to FILE's folder, as for create -b; an empty one takes the parent away.
        Only the name changes. Where FILE holds nothing, its disk reads what the new parent holds: that is
        meant for a parent that was moved or copied. To keep what the disk reads over another parent, and copy
        the differences: qedvd rebase.
        """;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _report.Read(run);
        FormatOptions changes = FormatOptions.Parse(run.Get(_changes));
        if (changes.IsHelp)
        {
            WriteOptions(run.Out);
            return ExitCode.Ok;
        }

        string file = run.GetOptional(_file) ?? throw new CliException("FILE is missing. See qedvd amend --help.");
        string path = HostPath.Full(file);
        string? name = changes.Take(ParentOption);
        string? parentFormat = changes.Take(ParentFormatOption);
        ImageDescription before = await run.Host.DescribeImageAsync(path, new ImageOpenRequest { Format = run.Get(_format) }, run.Cancellation);
        RefuseOthers(run, changes, before.FormatId);
        if (name is null && parentFormat is null)
        {
            throw new CliException("-o is missing: say what to change. -o help lists what can be.");
        }

        name ??= PresentName(before, file);
        if (name.Length == 0 && parentFormat is not null)
        {
            throw new CliException($"-o {ParentFormatOption}: without a parent there is no format of it; leave it out.");
        }

        if (name.Length > 0)
        {
            await LookAtParentAsync(run, path, name, parentFormat);
        }

        await SetAsync(run, path, name, parentFormat);
        ImageDescription after = await run.Host.DescribeImageAsync(path, new ImageOpenRequest { Format = before.FormatId }, CancellationToken.None);
        report.Write(
            json => InfoJson.WriteProperties(json, ImageInfo.Of(file, after, isTop: true), depth: null),
            output => output.WriteLine($"{DisplayText.Escape(file)}: parent {ParentChange.Show(before)} -> {ParentChange.Show(after)}"));

        return ExitCode.Ok;
    }

    private static void WriteOptions(TextWriter output)
    {
        output.WriteLine("What amend can change in an image that can have a parent:");
        HelpWriter.WriteRows(
            output,
            [
                ($"{ParentOption}=TEXT", "Name of the parent, relative to the image's folder; empty: no parent. Only the name is changed."),
                ($"{ParentFormatOption}=TEXT", "Format of the parent; QED can store 'raw' only, all others are probed for."),
            ]);
    }

    /// <summary>What cannot be changed in place is refused with the way that there is.</summary>
    private static void RefuseOthers(VerbRun run, FormatOptions changes, string formatId)
    {
        if (changes.Values.Count == 0)
        {
            return;
        }

        string other = changes.Values.Keys.First();
        if (other == "size")
        {
            throw new CliException("-o size: the size is changed with qedvd resize.");
        }

        bool isKnown = run.Catalog.Get(formatId).Info.Options.Any(option => option.Name == other);
        throw new CliException(isKnown
            ? $"-o {other}: is fixed when a {formatId} image is made. To have another, make a new image: qedvd convert -O {formatId} -o {other}=..."
            : $"-o {other}: {formatId} has no such option. -o help lists what can be changed.");
    }

    /// <summary>The name as it stands, for a change of the format alone.</summary>
    private static string PresentName(ImageDescription image, string file)
    {
        if (image.ParentName is null)
        {
            throw new CliException($"{file}: has no parent, so that there is no format of it to change. Give {ParentOption} too.");
        }

        return Utf8.IsValid(image.ParentNameBytes.Span)
            ? Encoding.UTF8.GetString(image.ParentNameBytes.Span)
            : throw new CliException($"{file}: its parent's name is not UTF-8, and cannot be kept as it is; give {ParentOption} too.");
    }

    private async ValueTask SetAsync(VerbRun run, string path, string name, string? parentFormat)
    {
        var request = new ImageOpenRequest { Format = run.Get(_format) };
        if (name.Length == 0)
        {
            await run.Host.SetParentNameAsync(path, null, null, request, run.Cancellation);
            return;
        }

        bool isAbsolute = run.Has(_absolute);
        var options = new SetParentOptions { Format = parentFormat, AbsoluteName = isAbsolute, Verbatim = !isAbsolute };
        await run.Host.SetParentNameAsync(path, isAbsolute ? Resolve(path, name) : name, options, request, run.Cancellation);
    }

    /// <summary>The parent must open as what it is said to be, unless nobody shall look.</summary>
    private async ValueTask LookAtParentAsync(VerbRun run, string path, string name, string? parentFormat)
    {
        string parentPath = Resolve(path, name);
        if (parentFormat is null)
        {
            throw new CliException(await ParentFormatQuestion.AskAsync(run, parentPath, $"-o {ParentOption}", $"-o {ParentFormatOption}="));
        }

        if (run.Has(_unchecked))
        {
            return;
        }

        if (HostPath.IsSame(parentPath, path))
        {
            throw new CliException($"-o {ParentOption}: an image cannot be its own parent; name another file.");
        }

        try
        {
            await run.Host.DescribeImageAsync(parentPath, new ImageOpenRequest { Format = parentFormat }, run.Cancellation);
        }
        catch (ImageException exception)
        {
            throw new CliException($"-o {ParentOption}: {ErrorText.Of(exception, run.Command)} To store the name all the same, give -u.", innerException: exception);
        }
    }

    private static string Resolve(string path, string name) => Path.GetFullPath(name, Path.GetDirectoryName(path) ?? "/");
}
