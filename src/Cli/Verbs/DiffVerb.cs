using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class DiffVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _base;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;

    public DiffVerb()
        : base("diff")
    {
        _format = ImageFormat("TOP's");
        _base = Text("--base", "BASE", "The level beneath TOP to compare with; TOP's parent unless given.", "-b");
        _report = ReportOptions.AddTo(Command, progress: false, quiet: null);
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _file = Operand("TOP", "The top image of a chain.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--base BASE] [--output=json] [-U] TOP"];

    public override string Details =>
        """
        Lists what the levels above BASE own: a copy of BASE with these ranges of TOP's disk over it reads as
        TOP does. Only tables are read, so that a range may hold what BASE holds there anyway: compare --all
        finds the bytes that differ. In JSON: 'start', 'length', 'kind' (data or zero), 'depth' of the level
        that decides, 0 for TOP, and its 'file'.
        """;

    public override bool StopsCleanly => false;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string file = run.Get(_file);
        bool json = _report.Read(run).IsJson;
        await using VirtualDisk disk = await run.Host.OpenDiskAsync(HostPath.Full(file), _chain.Read(run, run.Get(_format), readOnly: true), run.Cancellation);
        if (disk.Levels.Count == 1)
        {
            throw new CliException($"{file}: has no parent to compare with. qedvd map lists what it holds.");
        }

        int depth = run.Get(_base) is { } level ? LevelFinder.Find([.. disk.Levels.Select(each => each.Path)], level, file, "--base") : 1;
        if (depth == 0)
        {
            throw new CliException($"--base: '{run.Get(_base)}' is the top itself; name a level beneath it.");
        }

        string top = disk.Levels[0].Path;
        Dictionary<string, string> names = [];
        var output = new DiffOutput(run.Out, json, path => names.TryGetValue(path, out string? name) ? name : names[path] = path == top ? file : HostPath.LikeGiven(file, path));
        output.Begin();
        await foreach (DiskExtent extent in disk.DiffAsync(depth, run.Cancellation))
        {
            output.Add(extent);
        }

        output.End();
        return ExitCode.Ok;
    }
}
