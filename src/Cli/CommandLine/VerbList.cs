using QedVd.Cli.Verbs;

namespace QedVd.Cli.CommandLine;

/// <summary>The verbs, without making any of them: only the one that was asked for is set up.</summary>
internal static class VerbList
{
    public static readonly VerbEntry[] All =
    [
        new("probe", "Say what unknown files are.", () => new ProbeVerb()),
        new("info", "Describe an image, or a chain of images.", () => new InfoVerb()),
        new("create", "Create an image, with or without a parent.", () => new CreateVerb()),
        new("check", "Look for damage and leaks in an image, and repair them with -r.", () => new CheckVerb()),
        new("map", "List which level of a chain holds which part of the disk.", () => new MapVerb()),
        new("read", "Copy bytes out of a disk.", () => new ReadVerb()),
        new("write", "Copy bytes into a disk.", () => new WriteVerb()),
        new("convert", "Copy a disk into one image, in another format, without its parents or over another one.", () => new ConvertVerb()),
        new("copy", "Copy a chain level by level, so that the copy is the same chain.", () => new CopyVerb()),
        new("measure", "Say how large an image would become that a disk is converted into.", () => new MeasureVerb()),
        new("compare", "Compare what two disks read, and list where they differ.", () => new CompareVerb()),
        new("snapshot", "Freeze an image by putting an overlay on it.", () => new SnapshotVerb()),
        new("commit", "Move what an image holds into its parent, or into a level further down.", () => new CommitVerb()),
        new("merge", "Make one level of two or more neighbours, and delete the others.", () => new MergeVerb()),
        new("rebase", "Give an image another parent, or none; its disk reads the same.", () => new RebaseVerb()),
        new("flatten", "Make an image independent of its parents.", () => new FlattenVerb()),
        new("diff", "List which parts of a disk the upper levels of its chain own.", () => new DiffVerb()),
        new("chain", "Show which images are whose parents, and repair broken links.", () => new ChainVerb()),
        new("resize", "Make a disk larger, or smaller.", () => new ResizeVerb()),
        new("compact", "Give unused room of an image back, in place.", () => new CompactVerb()),
        new("trim", "Discard a part of a disk, and give its room back.", () => new TrimVerb()),
        new("amend", "Change the name of an image's parent.", () => new AmendVerb()),
        new("rename", "Move an image; it finds its parent from the new place.", () => new RenameVerb()),
        new("dump", "Print everything that an image's format knows about it.", () => new DumpVerb()),
        new("plugins", "List the backends and where they came from.", () => new PluginsVerb()),
        new("bench", "Measure reads or writes.", () => new BenchVerb()),
        new("demo", "Show all of it on a sample image, or on yours.", () => new DemoVerb()),
    ];

    public static VerbEntry? Find(string name) => Array.Find(All, entry => entry.Name == name);
}
