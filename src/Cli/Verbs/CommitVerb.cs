using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class CommitVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _base;
    private readonly Option _keep;
    private readonly Option _delete;
    private readonly Option<string[]> _siblings;
    private readonly RearrangeOptions _rearrange;
    private readonly Argument<string?> _file;

    public CommitVerb()
        : base("commit")
    {
        _format = ImageFormat("FILE's");
        _base = Text("--base", "BASE", "The level beneath FILE to commit into; FILE's parent unless given.", "-b");
        _keep = Switch("--keep", "Leave FILE filled, although BASE has it all too.", "-d");
        _delete = Switch("--delete-superseded", "With -b, delete the files of the levels between afterwards.");
        _siblings = Texts("--siblings", "DIR", "Look in DIR too for other images that have a level as their parent. May be given several times.");
        _rearrange = RearrangeOptions.AddTo(Command);
        _file = Operand("FILE", "The top image of a chain. Its disk reads the same afterwards.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [-b BASE] [-d] [--delete-superseded] [-p] [-q] FILE"];

    public override string Details =>
        """
        Moves what FILE holds into its parent, or with -b into a level further down, together with what the
        levels between hold. Those are of no use then, and are named; they still have BASE beneath them and
        stand in the way of later commits and merges, so delete them, or let --delete-superseded do it. BASE
        grows where it is shorter than the disk. Refused when other images in the folders of the chain (or in
        --siblings DIR) have a level as their parent that would change: they would read something else.
        Afterwards FILE is empty, over BASE. To make one file of two: qedvd merge.
        """;

    public override string StoppedText => "stopped; the chain is valid, and the disk reads as before. Run it again to go on.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _rearrange.Report(run);
        string file = run.Get(_file);
        CommitOptions options = _rearrange.Apply(run, new CommitOptions
        {
            KeepTop = run.Has(_keep),
            DeleteSuperseded = run.Has(_delete),
            SiblingFolders = RearrangeOptions.Siblings(run, _siblings),
        });

        // Of which siblings could not be told.
        run.SaysWarnings = !report.IsQuiet;
        CommitResult result;
        await using (VirtualDisk disk = await run.Host.OpenDiskAsync(HostPath.Full(file), _rearrange.Open(run, run.Get(_format)), run.Cancellation))
        {
            if (disk.Levels.Count == 1)
            {
                throw new CliException($"{file}: has no parent, so that there is nothing to commit into.");
            }

            if (run.Get(_base) is { } level)
            {
                int depth = LevelFinder.Find([.. disk.Levels.Select(each => each.Path)], level, file, "-b");
                options = depth > 0 ? options with { TargetDepth = depth } : throw new CliException($"-b: '{level}' is the top itself; name a level beneath it.");
            }

            result = await report.FollowAsync("Committing", progress => disk.CommitAsync(options, progress, run.Cancellation));
            await disk.CloseAsync();
        }

        string target = HostPath.LikeGiven(file, result.TargetPath);
        string[] superseded = [.. result.SupersededPaths.Select(path => HostPath.LikeGiven(file, path))];
        string[] deleted = [.. result.DeletedPaths.Select(path => HostPath.LikeGiven(file, path))];
        report.Write(
            json =>
            {
                json.WriteString("filename", file);
                json.WriteString("target", target);
                json.WriteNumber("copied-bytes", result.CopiedBytes);
                json.WriteBoolean("kept", options.KeepTop);
                json.WriteArray("superseded", superseded);
                json.WriteArray("deleted", deleted);
            },
            output =>
            {
                output.WriteLine("Image committed.");
                foreach (string path in deleted)
                {
                    output.WriteLine($"Deleted: '{DisplayText.Escape(path)}'.");
                }

                foreach (string path in superseded)
                {
                    output.WriteLine($"No level of this disk any more, and of no use: '{DisplayText.Escape(path)}'. It was not deleted.");
                }
            });
        return ExitCode.Ok;
    }
}
