using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class RebaseVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _parent;
    private readonly Option<string?> _parentFormat;
    private readonly Option _unsafe;
    private readonly Option _absolute;
    private readonly RearrangeOptions _rearrange;
    private readonly Argument<string?> _file;
    private bool _isUnsafe;

    public RebaseVerb()
        : base("rebase")
    {
        _format = ImageFormat("FILE's");
        _parent = Text("--backing", "PARENT", "The new parent, a name relative to FILE's folder; '' for none.", "-b");
        _parentFormat = Text("--backing-format", "FORMAT", "The parent's format; needed where probing is not certain, as for raw.", "-F");
        _unsafe = Switch("--unsafe", "Change the name only, whatever becomes of the content. The parents are not opened.", "-u");
        _absolute = Switch("--absolute", "Store the parent's full path, not a name relative to FILE's folder.");
        _rearrange = RearrangeOptions.AddTo(Command);
        _file = Operand("FILE", "The top image of a chain; its parents are not changed.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [-u] -b PARENT [-F FORMAT] [--absolute] [-p] [-q] FILE", "[-u] -b '' FILE"];

    public override string Details =>
        """
        Gives FILE another parent. What its disk reads stays the same, whatever the new parent holds: where the
        two differ, FILE gets what the old one held. With -b '' it needs no parent any more, as after flatten.
        -u changes the stored name only: meant for a parent that was moved or copied.
        """;

    public override string StoppedText => _isUnsafe ? base.StoppedText : "stopped; the chain is valid, and FILE still has its old parent. Run it again to go on.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _rearrange.Report(run);
        string file = run.Get(_file);
        string path = HostPath.Full(file);
        string name = run.Get(_parent) ?? throw new CliException("-b is missing: name the new parent, or give -b '' for none.");
        string? parentPath = name.Length == 0 ? null : Path.GetFullPath(name, Path.GetDirectoryName(path) ?? "/");
        string? parentFormat = parentPath is null ? null : run.Get(_parentFormat) ?? await ParentFormatQuestion.FindOrAskAsync(run, parentPath, "-b", "-F ");
        if (parentPath is not null && HostPath.IsSame(parentPath, path))
        {
            throw new CliException("-b: an image cannot be its own parent; name another file.");
        }

        _isUnsafe = run.Has(_unsafe);
        ImageDescription before = await run.Host.DescribeImageAsync(path, new ImageOpenRequest { Format = run.Get(_format) }, run.Cancellation);
        OperationResult? copied = null;
        if (_isUnsafe)
        {
            await SetNameAsync(run, path, parentPath, name, parentFormat);
        }
        else
        {
            RebaseOptions options = _rearrange.Apply(run, new RebaseOptions { ParentFormat = parentFormat, AbsoluteName = run.Has(_absolute) });
            DiskOpenOptions open = _rearrange.Open(run, run.Get(_format));
            copied = await report.FollowAsync("Rebasing", progress => run.Host.RebaseAsync(path, parentPath, options, open, progress, run.Cancellation));
        }

        ImageDescription after = await run.Host.DescribeImageAsync(path, new ImageOpenRequest { Format = before.FormatId }, CancellationToken.None);
        report.Write(
            json =>
            {
                InfoJson.WriteProperties(json, ImageInfo.Of(file, after, isTop: true), depth: null);
                if (copied is { } result)
                {
                    json.WriteNumber("copied-bytes", result.CopiedBytes);
                }
            },
            output => output.WriteLine(
                $"{DisplayText.Escape(file)}: parent {ParentChange.Show(before)} -> {ParentChange.Show(after)}{(copied is { } result ? $"; {SizeText.Human(result.CopiedBytes)} copied" : "; the name only")}."));
        return ExitCode.Ok;
    }

    private async ValueTask SetNameAsync(VerbRun run, string path, string? parentPath, string name, string? parentFormat)
    {
        bool isAbsolute = run.Has(_absolute);
        var options = new SetParentOptions { Format = parentFormat, AbsoluteName = isAbsolute, Verbatim = !isAbsolute };
        await run.Host.SetParentNameAsync(
            path,
            parentPath is null ? null : isAbsolute ? parentPath : name,
            parentPath is null ? null : options,
            new ImageOpenRequest { Format = run.Get(_format) },
            run.Cancellation);
    }
}
