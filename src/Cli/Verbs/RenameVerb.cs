using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class RenameVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option _overwrite;
    private readonly ReportOptions _report;
    private readonly Argument<string?> _file;
    private readonly Argument<string?> _new;

    public RenameVerb()
        : base("rename")
    {
        _format = ImageFormat(isForWriting: true);
        _overwrite = Switch("--overwrite", "Replace NEW if it exists and nobody uses it.");
        _report = ReportOptions.AddTo(Command, progress: false);
        _file = Operand("FILE", "An image that is not in use. Its parents are not opened.");
        _new = Operand("NEW", "Its new name, on the same volume.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--overwrite] [-q] FILE NEW"];

    public override string Details =>
        """
        Moves an image as mv does, and keeps its parent: a parent's name that is relative to FILE's folder is
        rewritten, so that it means the same file from NEW's. Images that have FILE as their parent are not
        known here and look for it under its old name: qedvd amend -o backing_file=... mends them.
        For an image that a program has open use VirtualDisk.RenameAsync in that program.
        """;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _report.Read(run);
        string file = run.Get(_file);
        string name = run.Get(_new);
        string path = HostPath.Full(file);
        string newPath = HostPath.Full(name);
        if (Directory.Exists(newPath))
        {
            throw new CliException($"{name}: is a folder; give the image's name in it too, as {Path.Combine(name, Path.GetFileName(path))}.");
        }

        // Where the parent's name had to stay absolute, that is said.
        run.SaysWarnings = true;
        var request = new ImageOpenRequest { Format = run.Get(_format) };
        ImageDescription before = await run.Host.DescribeImageAsync(path, request, run.Cancellation);
        await run.Host.RenameAsync(path, newPath, run.Has(_overwrite), request, run.Cancellation);
        ImageDescription after = await run.Host.DescribeImageAsync(newPath, new ImageOpenRequest { Format = before.FormatId }, CancellationToken.None);
        report.Write(
            json => InfoJson.WriteProperties(json, ImageInfo.Of(name, after, isTop: true), depth: null),
            output =>
            {
                output.WriteLine($"Renamed '{DisplayText.Escape(file)}' to '{DisplayText.Escape(name)}'.");
                if (!before.ParentNameBytes.Span.SequenceEqual(after.ParentNameBytes.Span))
                {
                    output.WriteLine($"Its parent is still {DisplayText.Escape(after.ParentPath ?? "")}, named {DisplayText.Escape(after.ParentNameBytes.Span)} from there.");
                }
            });

        return ExitCode.Ok;
    }
}
