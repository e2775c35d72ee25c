using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class MergeVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option<string?> _from;
    private readonly Option<string?> _to;
    private readonly Option<string?> _direction;
    private readonly Option _keep;
    private readonly Option<string[]> _siblings;
    private readonly RearrangeOptions _rearrange;
    private readonly Argument<string?> _file;

    public MergeVerb()
        : base("merge")
    {
        _format = ImageFormat("TOP's");
        _from = Text("--from", "FILE", "The highest of the levels to merge; TOP unless given.");
        _to = Text("--to", "FILE", "The lowest of them; the parent of the highest unless given.");
        _direction = Text("--direction", "auto|down|up", "Which stays: the lowest (down), the highest (up), or what is less work (auto, unless given).");
        _keep = Switch("--keep", "Do not delete the files that are of no use any more. Downwards from TOP, TOP stays too: do not open it again.");
        _siblings = Texts("--siblings", "DIR", "Look in DIR too for other images that have a level as their parent. May be given several times.");
        _rearrange = RearrangeOptions.AddTo(Command);
        _file = Operand("TOP", "The top image of a chain. Its disk reads the same afterwards, perhaps from another file.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--from FILE] [--to FILE] [--direction auto|down|up] [--keep] [-p] [-q] TOP"];

    public override string Details =>
        """
        Makes one level of two or more neighbours, and deletes the files of the others once the one that stays
        is complete and the level above it names it. Downwards from TOP, TOP itself is among those that are
        deleted: the disk goes on in another file, and what names TOP must be told. To keep that name:
        --direction up. With --keep, TOP's old file still opens over the one that stays, and hides there what is
        written to that from then on: do not use it any more. Files are kept, and named, also where of an image
        it cannot be told whether it needs them. Refused when other images in the folders of the chain (or in
        --siblings DIR) have a level as their parent that would change or go.
        """;

    public override string StoppedText => "stopped; the chain is valid, and the disk reads as before. Run it again to go on.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _rearrange.Report(run);
        string file = run.Get(_file);
        MergeOptions options = _rearrange.Apply(run, new MergeOptions
        {
            Direction = ReadDirection(run.Get(_direction)),
            KeepFiles = run.Has(_keep),
            SiblingFolders = RearrangeOptions.Siblings(run, _siblings),
        });

        // Of which siblings could not be told, and which files could not be deleted.
        run.SaysWarnings = !report.IsQuiet;
        string path = HostPath.Full(file);
        DiskOpenOptions open = _rearrange.Open(run, run.Get(_format));
        MergeResult? result = null;

        // Of a top that is gone an interrupted merge may tell, which the host finishes.
        if ((run.Get(_from) is not null || run.Get(_to) is not null) && File.Exists(path))
        {
            try
            {
                options = await WithLevelsAsync(run, options, open, file, path);
            }
            catch (CliException)
            {
                // A level that is not there any more may have been deleted by the same merge, before it was interrupted.
                result = await FinishAsync(run, options, open, path);
                if (result is null)
                {
                    throw;
                }
            }
        }

        result ??= await report.FollowAsync("Merging", progress => run.Host.MergeAsync(path, options, open, progress, run.Cancellation));
        Tell(report, file, path, result);
        return ExitCode.Ok;
    }

    private static async ValueTask<MergeResult?> FinishAsync(VerbRun run, MergeOptions options, DiskOpenOptions open, string path)
    {
        IReadOnlyList<ImageDescription> chain = await run.Host.DescribeChainAsync(path, open with { ReadOnly = true }, run.Cancellation);
        string[] folders = [.. chain.Select(image => Path.GetDirectoryName(image.Path)!).Distinct()];
        ImageForest forest = await run.Host.ScanAsync(folders, cancellationToken: run.Cancellation);
        foreach (UnfinishedMerge merge in forest.Unfinished.Where(merge => chain.Any(image => image.Path == merge.SurvivorPath)))
        {
            if (await run.Host.FinishMergeAsync(merge.SurvivorPath, options, open, run.Cancellation) is { } finished)
            {
                return finished;
            }
        }

        return null;
    }

    private static void Tell(Report report, string file, string path, MergeResult result)
    {
        string survivor = HostPath.LikeGiven(file, result.SurvivorPath);
        bool isTopKept = result.KeptPaths.Contains(path);
        string top = isTopKept || result.RemovedPaths.Contains(path) ? survivor : file;
        string[] removed = [.. result.RemovedPaths.Select(path => HostPath.LikeGiven(file, path))];
        string[] kept = [.. result.KeptPaths.Select(path => HostPath.LikeGiven(file, path))];
        report.Write(
            json =>
            {
                json.WriteString("filename", file);
                json.WriteString("direction", result.Direction == MergeDirection.Down ? "down" : "up");
                json.WriteString("survivor", survivor);
                json.WriteString("top", top);
                json.WriteNumber("copied-bytes", result.CopiedBytes);
                json.WriteArray("deleted", removed);
                json.WriteArray("kept", kept);
            },
            output =>
            {
                output.WriteLine($"Merged {(result.Direction == MergeDirection.Down ? "downwards" : "upwards")} into '{DisplayText.Escape(survivor)}'; {SizeText.Human(result.CopiedBytes)} copied.");
                foreach (string path in removed)
                {
                    output.WriteLine($"Deleted: '{DisplayText.Escape(path)}'.");
                }

                foreach (string path in kept)
                {
                    output.WriteLine($"Of no use any more, and not deleted: '{DisplayText.Escape(path)}'.");
                }

                if (top != file)
                {
                    output.WriteLine($"ATTENTION: the disk goes on in '{DisplayText.Escape(top)}'. Use that file from now on, not '{DisplayText.Escape(file)}'.");
                }

                if (isTopKept)
                {
                    output.WriteLine($"WARNING: '{DisplayText.Escape(file)}' still opens, over '{DisplayText.Escape(top)}', and hides what is written there from now on. Delete it, or never open it again.");
                }
            });
    }

    private static MergeDirection ReadDirection(string? text) => text switch
    {
        null or "auto" => MergeDirection.Auto,
        "down" => MergeDirection.Down,
        "up" => MergeDirection.Up,
        _ => throw new CliException($"--direction: '{text}' is none of auto, down and up."),
    };

    private async ValueTask<MergeOptions> WithLevelsAsync(VerbRun run, MergeOptions options, DiskOpenOptions open, string file, string path)
    {
        IReadOnlyList<ImageDescription> chain = await run.Host.DescribeChainAsync(path, open with { ReadOnly = true }, run.Cancellation);
        string[] levels = [.. chain.Select(image => image.Path)];
        int from = run.Get(_from) is { } highest ? LevelFinder.Find(levels, highest, file, "--from") : 0;
        int to = run.Get(_to) is { } lowest ? LevelFinder.Find(levels, lowest, file, "--to") : from + 1;
        if (from == levels.Length - 1)
        {
            throw new CliException($"--from: '{run.Get(_from)}' has no parent to be merged with; name a level above it.");
        }

        if (to <= from)
        {
            throw new CliException($"--to: '{run.Get(_to)}' is not beneath {(run.Get(_from) is { } above ? $"'{above}'" : "the top")}; name a level further down.");
        }

        return options with { FromDepth = from, ToDepth = to };
    }
}
