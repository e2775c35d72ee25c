using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class CopyVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _levels;
    private readonly Option _overwrite;
    private readonly OperationOptions _operation;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _source;
    private readonly Argument<string?> _folder;

    public CopyVerb()
        : base("copy")
    {
        _format = ImageFormat("SOURCE's");
        _levels = Text("--levels", "N", "Copy N levels from the top; the last copy goes on naming the parent where it is. All unless given.");
        _overwrite = Switch("--overwrite", "Replace files in FOLDER that exist.");
        _operation = OperationOptions.AddTo(Command);
        _report = ReportOptions.AddTo(Command);
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _source = Operand("SOURCE", "The top image of a chain.");
        _folder = Operand("FOLDER", "The folder that gets the copies, under the same names.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--levels N] [--overwrite] [-p] [-q] SOURCE FOLDER"];

    public override string Details =>
        """
        Copies a chain level by level, so that the copy is the same chain: each level in its format, with its
        clusters and its zeros, naming the copy of its parent. Nothing appears before all of it is complete.
        A file in FOLDER that is what would be copied there stays as it is, so that running a copy again
        completes one that was killed; any other is refused, unless it may be overwritten.
        To make one image of the chain: qedvd convert.
        """;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _report.Read(run);
        string source = run.Get(_source);
        string folder = run.Get(_folder);
        string path = HostPath.Full(folder);
        if (!Directory.Exists(path))
        {
            throw new CliException($"{folder}: {(File.Exists(path) ? "is a file; name a folder" : "does not exist; make the folder first")}.");
        }

        var options = new CopyChainOptions
        {
            Source = _chain.Read(run, run.Get(_format), readOnly: true),
            Levels = run.Get(_levels) is { } levels ? (int)NumberText.Parse(levels, "--levels", 1, int.MaxValue) : null,
            Overwrite = run.Has(_overwrite),
            MaxBytesPerSecond = _operation.Rate(run),
            SkipSpaceCheck = _operation.SkipsSpaceCheck(run),
        };
        IReadOnlyList<ImageDescription> copies = await report.FollowAsync("Copying", progress => run.Host.CopyChainAsync(HostPath.Full(source), path, options, progress, run.Cancellation));
        string given = Path.Combine(folder, Path.GetFileName(copies[0].Path));
        ImageInfo[] infos = [.. copies.Select((image, depth) => ImageInfo.Of(given, image, isTop: depth == 0))];
        report.Write(
            json =>
            {
                json.WriteString("filename", source);
                json.WriteStartArray("copies");
                for (int depth = 0; depth < infos.Length; depth++)
                {
                    InfoJson.Write(json, infos[depth], depth);
                }

                json.WriteEndArray();
            },
            output => ChainTree.Print(output, ChainTree.OfChain(infos.Select(ChainTreeNode.Of))));
        return ExitCode.Ok;
    }
}
