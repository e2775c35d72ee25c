using QedVd.ChainKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>A command that changes a chain of images, 3.qed over 2.qed over 1.qed over 0.</summary>
internal sealed record CommandCase
{
    /// <summary>The verb and what follows, for a chain; file names are relative to its folder.</summary>
    public required Func<TestChain, string[]> Arguments { get; init; }

    /// <summary>What the levels read as afterwards.</summary>
    public required Action<TestChain> Apply { get; init; }

    /// <summary>Whether the disk has another size afterwards.</summary>
    public bool ChangesSize { get; init; }

    /// <summary>Another chain that the command makes, of what the first one reads; null: none.</summary>
    public Func<TestChain, TestChain>? Makes { get; init; }

    /// <summary>A folder that must be there.</summary>
    public string? Folder { get; init; }

    /// <summary>
    /// False where a command that has come to its end would do something else when it is run again, or refuse: what a commit left out is another child of its target.
    /// </summary>
    public bool IsRepeatable { get; init; } = true;

    public static IReadOnlyDictionary<string, CommandCase> All { get; } = new Dictionary<string, CommandCase>
    {
        ["commit"] = new() { Arguments = _ => ["commit", "-q", "3.qed"], Apply = chain => chain.Commit(1) },
        ["commit-base"] = new() { Arguments = chain => ["commit", "-q", "-b", chain.Levels[3].Name, "3.qed"], Apply = chain => chain.Commit(3), IsRepeatable = false },
        ["commit-keep"] = new() { Arguments = _ => ["commit", "-q", "-d", "-b", "1.qed", "3.qed"], Apply = chain => chain.Commit(2), IsRepeatable = false },
        ["rebase"] = new()
        {
            Arguments = chain => ["rebase", "-q", "-b", chain.Levels[3].Name, "-F", chain.Levels[3].Format, "3.qed"],
            Apply = chain => chain.Drop(chain.Levels.Skip(1).Take(2)),
        },
        ["rebase-none"] = new() { Arguments = _ => ["rebase", "-q", "-b", "", "3.qed"], Apply = chain => chain.Drop(chain.Levels.Skip(1)) },
        ["flatten"] = new() { Arguments = _ => ["flatten", "-q", "3.qed"], Apply = chain => chain.Drop(chain.Levels.Skip(1)) },
        ["merge-down"] = new() { Arguments = _ => ["merge", "-q", "--direction", "down", "--to", "1.qed", "3.qed"], Apply = chain => chain.Merge(0, 2, isDown: true), IsRepeatable = false },
        ["merge-up"] = new() { Arguments = chain => ["merge", "-q", "--direction", "up", "--to", chain.Levels[3].Name, "3.qed"], Apply = chain => chain.Merge(0, 3, isDown: false), IsRepeatable = false },
        ["merge-between"] = new() { Arguments = _ => ["merge", "-q", "--direction", "down", "--from", "2.qed", "--to", "1.qed", "3.qed"], Apply = chain => chain.Merge(1, 2, isDown: true), IsRepeatable = false },
        ["copy"] = new() { Arguments = _ => ["copy", "-q", "--overwrite", "3.qed", "copies"], Apply = _ => { }, Folder = "copies", Makes = chain => Elsewhere(chain, "copies") },
        ["compact"] = new() { Arguments = _ => ["compact", "-q", "3.qed"], Apply = _ => { } },
        ["convert"] = new() { Arguments = _ => ["convert", "-q", "--overwrite", "-O", "qed", "3.qed", "copy.qed"], Apply = _ => { }, Makes = Converted },
        ["grow"] = new() { Arguments = _ => ["resize", "-q", "3.qed", "2M"], Apply = chain => Resize(chain, 2 << 20), ChangesSize = true },
        ["shrink"] = new() { Arguments = _ => ["resize", "-q", "--shrink", "3.qed", "100k"], Apply = chain => Resize(chain, 100 << 10), ChangesSize = true },
        ["snapshot"] = new() { Arguments = _ => ["snapshot", "-q", "3.qed", "new.qed"], Apply = chain => chain.PutOnTop(Path.Combine(Path.GetDirectoryName(chain.Top.Path)!, "new.qed")), IsRepeatable = false },
    };

    private static TestChain Elsewhere(TestChain chain, string folder)
    {
        TestChain copy = chain.Clone();
        copy.Levels.ForEach(level => level.Path = Path.Combine(Path.GetDirectoryName(level.Path)!, folder, level.Name));
        return copy;
    }

    private static TestChain Converted(TestChain chain)
    {
        TestChain copy = chain.Clone();
        copy.Drop(copy.Levels.Skip(1));
        copy.Top.Path = Path.Combine(Path.GetDirectoryName(copy.Top.Path)!, "copy.qed");
        return copy;
    }

    private static void Resize(TestChain chain, long sizeBytes) => chain.Top.View = chain.View.CloneAs(sizeBytes);
}
