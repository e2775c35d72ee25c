using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class ChainVerb : Verb
{
    private const string Repair = "repair";

    private readonly Option _recurse;
    private readonly Option<string?> _parent;
    private readonly Option<string[]> _search;
    private readonly Option _absolute;
    private readonly Option _dryRun;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string[]> _places;

    public ChainVerb()
        : base("chain")
    {
        _recurse = Switch("--recurse", "Look through the folders in the folders too.");
        _parent = Text("--parent", "FILE", "With repair: the parent, wherever it is; it is checked all the same.");
        _search = Texts("--search", "DIR", "With repair: look for the parent in DIR, not in the image's folder. May be given several times.");
        _absolute = Switch("--absolute", "With repair: store the parent's full path, not a name relative to the image's folder.");
        _dryRun = Switch("--dry-run", "With repair: say what it would do, and change nothing.");
        _report = ReportOptions.AddTo(Command, progress: false);
        _chain = ChainOptions.AddTo(Command, mayShare: false);
        _places = new Argument<string[]>("DIR|FILE...") { Description = "Folders, and images whose folder it is about; the working folder unless given.", Arity = ArgumentArity.ZeroOrMore };
        Command.Add(_places);
    }

    public override IReadOnlyList<string> Forms { get; } = ["[--recurse] [--output=json] [DIR|FILE]...", "repair [--parent FILE] [--search DIR] [--dry-run] FILE"];

    public override string Details =>
        """
        Shows which image is whose parent: everything that hangs on each base, and links that are broken, with
        the reason. Of a FILE, only what hangs together with it. Reads headers only and takes no locks, so
        that images in use are shown too.
        'chain repair FILE' finds the parent that FILE has lost, because it was moved: by its name. It must fit,
        and be the only one that does; then its name is stored in FILE. Others that fit by format and size are
        only listed: --parent takes one, as after a renaming. A folder that is called repair is ./repair.
        Exit code: 0 all is well, 2 broken links, unfinished merges, or files that could not be looked at.
        """;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _report.Read(run);
        string[] places = run.Get(_places);
        if (places is [Repair, ..])
        {
            return await RepairAsync(run, report, places.Length == 2 ? places[1] : throw new CliException("repair: takes one FILE, the image that has lost its parent."));
        }

        foreach (Option option in (Option[])[_parent, _search, _absolute, _dryRun])
        {
            if (run.Has(option))
            {
                throw new CliException($"{option.Name}: is for qedvd chain repair FILE.");
            }
        }

        return await ShowAsync(run, report, places.Length == 0 ? ["."] : places);
    }

    private async ValueTask<int> ShowAsync(VerbRun run, Report report, string[] places)
    {
        DiskOpenOptions open = _chain.Read(run, format: null, readOnly: true);
        var options = new ScanOptions
        {
            Recurse = run.Has(_recurse),
            Trust = open.Trust,
            AllowedRoots = open.AllowedRoots,
            AllowedParentFormats = open.AllowedParentFormats,
        };
        (string Given, string Full)[] folders = [.. places.Select(FolderOf).DistinctBy(folder => folder.Full)];
        ImageForest forest = await run.Host.ScanAsync([.. folders.Select(folder => folder.Full)], options, cancellationToken: run.Cancellation);
        var output = new ForestOutput(forest, RootsOf(forest, places), path => Spell(folders, path));
        report.Write(output.WriteJson, writer => output.Write(writer, run.Streams.IsOutTerminal));
        return output.HasTrouble ? ExitCode.CheckCorrupt : ExitCode.Ok;
    }

    private static (string Given, string Full) FolderOf(string place)
    {
        string full = HostPath.Full(place);
        return Directory.Exists(full) ? (place, full) : (Path.GetDirectoryName(place) ?? "/", Path.GetDirectoryName(full) ?? "/");
    }

    /// <summary>All trees, unless only files were named: then those that the files belong to.</summary>
    private static IReadOnlyList<ScannedImage> RootsOf(ImageForest forest, string[] places)
    {
        if (places.Any(place => Directory.Exists(HostPath.Full(place))))
        {
            return forest.Roots;
        }

        HashSet<ScannedImage> roots = [];
        foreach (string place in places)
        {
            string full = HostPath.Full(place);
            if (!File.Exists(full))
            {
                throw new CliException($"{place}: does not exist; name a folder, or an image in it.");
            }

            ScannedImage image = forest.Images.FirstOrDefault(image => image.Path == full || image.OtherPaths.Contains(full))
                ?? throw new CliException($"{place}: is no image that could be read here, and no parent of one. qedvd probe says what it is.");
            while (image.Parent is { } parent)
            {
                image = parent;
            }

            roots.Add(image);
        }

        return [.. forest.Roots.Where(roots.Contains)];
    }

    private static string Spell((string Given, string Full)[] folders, string path)
    {
        foreach ((string given, string full) in folders)
        {
            string relative = Path.GetRelativePath(full, path);
            if (!Path.IsPathFullyQualified(given) && !Path.IsPathFullyQualified(relative) && !relative.StartsWith("..", StringComparison.Ordinal))
            {
                return given is "." or "" ? relative : Path.Combine(given, relative);
            }
        }

        return path;
    }

    private async ValueTask<int> RepairAsync(VerbRun run, Report report, string file)
    {
        if (run.Has(_recurse))
        {
            throw new CliException("--recurse: repair looks in folders, not below them; name more with --search.");
        }

        DiskOpenOptions open = _chain.Read(run, format: null, readOnly: true);
        string[] search = run.Get(_search);
        bool isDryRun = run.Has(_dryRun);
        AdoptResult result = await run.Host.AdoptParentAsync(
            HostPath.Full(file),
            new AdoptOptions
            {
                ParentPath = run.Get(_parent) is { } parent ? HostPath.Full(parent) : null,
                SearchFolders = search.Length == 0 ? null : [.. search.Select(HostPath.Full)],
                DryRun = isDryRun,
                AbsoluteName = run.Has(_absolute),
                Trust = open.Trust,
                AllowedRoots = open.AllowedRoots,
                AllowedParentFormats = open.AllowedParentFormats,
            },
            run.Cancellation);
        string found = HostPath.LikeGiven(file, result.ParentPath);
        string? stored = isDryRun ? null : (await run.Host.DescribeImageAsync(HostPath.Full(file), cancellationToken: run.Cancellation)).ParentName;
        report.Write(
            json =>
            {
                json.WriteString("filename", file);
                json.WriteString("parent", found);
                json.WriteString("parent-format", result.ParentFormatId);
                json.WriteBoolean("changed", result.IsChanged && !isDryRun);
                json.WriteBoolean("dry-run", isDryRun);
                json.WriteStartArray("candidates");
                foreach (AdoptCandidate candidate in result.Candidates)
                {
                    json.WriteStartObject();
                    json.WriteString("filename", HostPath.LikeGiven(file, candidate.Path));
                    json.WriteBoolean("fits", candidate.Fits);
                    json.WriteIfAny("why", candidate.Why.Length > 0 ? ErrorText.Of(candidate.Why) : null);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteIfAny("warnings", [.. result.Warnings.Select(ErrorText.Of)]);
            },
            output =>
            {
                string parent = $"'{DisplayText.Escape(found)}' ({result.ParentFormatId})";
                output.WriteLine(
                    !result.IsChanged ? $"{DisplayText.Escape(file)}: its parent is {parent}, where the image says; nothing to repair."
                    : isDryRun ? $"{DisplayText.Escape(file)}: would get {parent} as its parent."
                    : $"{DisplayText.Escape(file)}: its parent is {parent} now{(stored is null || stored == DisplayText.Escape(found) ? "" : $", stored as '{stored}'")}.");
                foreach (string warning in result.Warnings)
                {
                    output.WriteLine($"warning: {ErrorText.Of(warning)}");
                }
            });
        return ExitCode.Ok;
    }
}
