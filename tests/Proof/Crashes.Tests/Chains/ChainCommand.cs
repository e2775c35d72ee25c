using QedVd.ChainKit;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>A command that changes a chain of images, 3.qed over 2.qed over 1.qed over 0.</summary>
internal sealed record ChainCommand
{
    /// <summary>The verb and what follows, for a chain. What is a path on the command line is made by the function.</summary>
    public required Func<TestChain, Func<string, string>, string[]> Arguments { get; init; }

    /// <summary>What the levels read as afterwards, and where they lie.</summary>
    public Action<TestChain> Apply { get; init; } = _ => { };

    /// <summary>What is done to the chain before.</summary>
    public Func<ChainCommand, ChainBench, TestChain, Random, Task> Prepare { get; init; } = (_, _, _, _) => Task.CompletedTask;

    /// <summary>Whether the disk has another size afterwards.</summary>
    public bool ChangesSize { get; init; }

    /// <summary>Another chain that the command makes, of what the first one reads; null: none.</summary>
    public Func<TestChain, TestChain>? Makes { get; init; }

    /// <summary>What lies where <see cref="Makes"/> comes to lie.</summary>
    public IReadOnlyList<ChainLevel> Replaced { get; set; } = [];

    /// <summary>A folder that must be there.</summary>
    public string? Folder { get; init; }

    /// <summary>
    /// False where a command that has come to its end would do something else when it is run again, or refuse: what a commit left out is another child of its target.
    /// </summary>
    public bool IsRepeatable { get; init; } = true;

    /// <summary>Of how many unfinished states one is run again: of each, where there are few.</summary>
    public int RerunEvery { get; init; } = 6;

    /// <summary>Whether it moves clusters from file to file, where the chain that was drawn has some for it: then it makes many changes, and a file grows.</summary>
    public bool Moves { get; init; }

    /// <summary>Whether a file grows though nothing is moved.</summary>
    public bool Grows { get; init; }

    /// <summary>Whether the chain cannot be opened before the command has done its work.</summary>
    public bool IsBroken { get; init; }

    /// <summary>Whether the top has errors before the command has done its work.</summary>
    public bool IsDamaged { get; init; }

    public static IReadOnlyDictionary<string, Func<ChainCommand>> All { get; } = new Dictionary<string, Func<ChainCommand>>
    {
        ["create"] = () => new() { Arguments = (_, at) => ["create", "-q", "-f", "qed", "-o", "cluster_size=4096,table_size=2", at("new.qed"), "300k"], Makes = chain => Alone(chain, "new.qed", new GuestBytes(300 << 10)), IsRepeatable = false },
        ["create over"] = () => new() { Arguments = (_, at) => ["create", "-q", "-f", "qed", "-b", "3.qed", "-F", "qed", at("new.qed")], Apply = chain => PutOnTop(chain, "new.qed"), IsRepeatable = false },
        ["snapshot"] = () => new() { Arguments = (_, at) => ["snapshot", "-q", at("3.qed"), at("new.qed")], Apply = chain => PutOnTop(chain, "new.qed"), IsRepeatable = false },
        ["convert"] = () => new() { Arguments = (_, at) => ["convert", "-q", "--overwrite", "-O", "qed", "-o", "cluster_size=4096,table_size=2", at("3.qed"), at("copy.qed")], Makes = chain => Alone(chain, "copy.qed", chain.View) },
        ["convert to raw"] = () => new() { Arguments = (_, at) => ["convert", "-q", "--overwrite", "-O", "raw", at("3.qed"), at("copy.raw")], Makes = chain => Alone(chain, "copy.raw", chain.View, "raw") },
        ["convert over a parent"] = () => new() { Arguments = (_, at) => ["convert", "-q", "--overwrite", "-O", "qed", "-B", "1.qed", "-F", "qed", at("3.qed"), at("copy.qed")], Makes = Over },
        ["convert in place of another"] = () => new()
        {
            Arguments = (_, at) => ["convert", "-q", "--overwrite", "-O", "qed", at("3.qed"), at("copy.qed")],
            Makes = chain => Alone(chain, "copy.qed", chain.View),
            Prepare = async (command, bench, chain, random) => command.Replaced = [await bench.MakeLevelAsync(Other(random, "copy.qed", "qed", chain.View.LengthBytes), null, FolderOf(chain))],
        },
        ["copy"] = () => new() { Arguments = (_, at) => ["copy", "-q", at("3.qed"), at("copies")], Folder = "copies", Makes = Elsewhere, RerunEvery = 1 },
        ["copy over an older one"] = () => new() { Arguments = (_, at) => ["copy", "-q", "--overwrite", at("3.qed"), at("copies")], Folder = "copies", Makes = Elsewhere, Prepare = MakeOlderAsync, RerunEvery = 3 },
        ["commit"] = () => new() { Moves = true, Arguments = (_, at) => ["commit", "-q", at("3.qed")], Apply = chain => chain.Commit(1) },
        ["commit past levels"] = () => new() { Moves = true, Arguments = (chain, at) => ["commit", "-q", "-b", chain.Levels[3].Name, at("3.qed")], Apply = chain => Commit(chain, 3), IsRepeatable = false },
        ["commit and keep"] = () => new() { Moves = true, Arguments = (_, at) => ["commit", "-q", "-d", at("3.qed")], Apply = chain => chain.Commit(1) },
        ["commit and delete"] = () => new() { Moves = true, Arguments = (_, at) => ["commit", "-q", "--delete-superseded", "-b", "1.qed", at("3.qed")], Apply = chain => Commit(chain, 2, deletes: true), IsRepeatable = false },
        ["merge down"] = () => new() { Moves = true, Arguments = (_, at) => ["merge", "-q", "--direction", "down", "--to", "1.qed", at("3.qed")], Apply = chain => Merge(chain, 0, 2, isDown: true), IsRepeatable = false },
        ["merge up"] = () => new() { Moves = true, Arguments = (chain, at) => ["merge", "-q", "--direction", "up", "--to", chain.Levels[3].Name, at("3.qed")], Apply = chain => Merge(chain, 0, 3, isDown: false), IsRepeatable = false },
        ["merge between"] = () => new() { Moves = true, Arguments = (_, at) => ["merge", "-q", "--direction", "down", "--from", "2.qed", "--to", "1.qed", at("3.qed")], Apply = chain => Merge(chain, 1, 2, isDown: true), IsRepeatable = false },
        ["rebase"] = () => new() { Moves = true, Arguments = (chain, at) => ["rebase", "-q", "-b", chain.Levels[3].Name, "-F", chain.Levels[3].Format, at("3.qed")], Apply = chain => chain.Levels.RemoveRange(1, 2) },
        ["rebase by name"] = () => new() { Arguments = (_, at) => ["rebase", "-q", "-u", "-b", "other.qed", "-F", "qed", at("3.qed")], Prepare = CopyParentAsync, Apply = chain => Rename(chain, 1, "other.qed") },
        ["rebase to none"] = () => new() { Moves = true, Arguments = (_, at) => ["rebase", "-q", "-b", "", at("3.qed")], Apply = chain => chain.Levels.RemoveRange(1, chain.Levels.Count - 1) },
        ["flatten"] = () => new() { Moves = true, Arguments = (_, at) => ["flatten", "-q", at("3.qed")], Apply = chain => chain.Levels.RemoveRange(1, chain.Levels.Count - 1) },
        ["grow"] = () => new() { Grows = true, Arguments = (_, at) => ["resize", "-q", at("3.qed"), "700k"], Prepare = EmptyShortTopAsync, Apply = chain => Resize(chain, 700 << 10), ChangesSize = true },
        ["shrink"] = () => new() { Arguments = (_, at) => ["resize", "-q", "--shrink", at("3.qed"), "20k"], Apply = chain => Resize(chain, 20 << 10), ChangesSize = true },
        ["compact"] = () => new() { Arguments = (_, at) => ["compact", "-q", at("3.qed")], Prepare = FreeSomeAsync },
        ["check and repair"] = () => new() { Arguments = (_, at) => ["check", "-q", "-r", "all", at("3.qed")], Prepare = TopDamage.DoAsync, IsDamaged = true },
        ["amend"] = () => new() { Arguments = (_, at) => ["amend", "-q", "-o", "backing_file=other.qed,backing_fmt=qed", at("3.qed")], Prepare = CopyParentAsync, Apply = chain => Rename(chain, 1, "other.qed") },
        ["chain repair"] = () => new() { Arguments = (_, at) => ["chain", "repair", "-q", "--parent", at("other.qed"), at("3.qed")], Prepare = MoveParentAsync, Apply = chain => Rename(chain, 1, "other.qed"), IsBroken = true },
        ["rename"] = () => new() { Arguments = (_, at) => ["rename", "-q", at("3.qed"), at("other.qed")], Apply = chain => Rename(chain, 0, "other.qed"), IsRepeatable = false },
    };

    public static string FolderOf(TestChain chain) => Path.GetDirectoryName(chain.Levels[^1].Path)!;

    private static LevelPlan Other(Random random, string name, string format, long sizeBytes) => new()
    {
        Name = name,
        Format = format,
        SizeBytes = sizeBytes,
        ClusterBytes = 4096,
        TableClusters = 2,
        Changes = ChainPlan.DrawChanges(random, sizeBytes, 4096, 3),
    };

    private static TestChain Alone(TestChain chain, string name, GuestBytes view, string format = "qed")
    {
        TestChain made = chain.Clone();
        made.Levels.Clear();
        made.Levels.Add(new ChainLevel { Path = Path.Combine(FolderOf(chain), name), Format = format, View = view });
        return made;
    }

    private static TestChain Over(TestChain chain)
    {
        TestChain made = chain.Clone();
        made.Levels.RemoveRange(0, 2);
        made.Levels.Insert(0, new ChainLevel { Path = Path.Combine(FolderOf(chain), "copy.qed"), Format = "qed", View = chain.View });
        return made;
    }

    private static TestChain Elsewhere(TestChain chain)
    {
        TestChain copy = chain.Clone();
        copy.Levels.ForEach(level => level.Path = Path.Combine(FolderOf(chain), "copies", level.Name));
        return copy;
    }

    /// <summary>A chain of the same names, with other content.</summary>
    private static async Task MakeOlderAsync(ChainCommand command, ChainBench bench, TestChain chain, Random random)
    {
        string folder = Directory.CreateDirectory(Path.Combine(FolderOf(chain), "copies")).FullName;
        List<ChainLevel> older = [];
        foreach (ChainLevel level in chain.Levels.AsEnumerable().Reverse())
        {
            older.Insert(0, await bench.MakeLevelAsync(Other(random, level.Name, level.Format, level.View.LengthBytes), older.FirstOrDefault(), folder));
        }

        command.Replaced = older;
    }

    private static void PutOnTop(TestChain chain, string name) => chain.PutOnTop(Path.Combine(FolderOf(chain), name));

    // What is left out stays, but nobody can say what it reads.
    private static void Commit(TestChain chain, int depth, bool deletes = false)
    {
        chain.Commit(depth);
        if (!deletes)
        {
            chain.Dropped.Clear();
        }
    }

    private static void Merge(TestChain chain, int from, int to, bool isDown) => chain.Merge(from, to, isDown);

    private static void Rename(TestChain chain, int depth, string name) => chain.Levels[depth].Path = Path.Combine(FolderOf(chain), name);

    private static void Resize(TestChain chain, long sizeBytes) => chain.Top.View = chain.View.CloneAs(sizeBytes);

    /// <summary>Clusters at the beginning of the file that nothing needs any more, before some that move there.</summary>
    private static async Task FreeSomeAsync(ChainCommand command, ChainBench bench, TestChain chain, Random random)
    {
        using VirtualDisk disk = bench.Host.OpenDisk(chain.Top.Path, new DiskOpenOptions { Format = "qed" });
        int block = Math.Max(512, disk.Levels[0].BlockBytes);
        int blocks = (int)Math.Min(12, disk.LengthBytes / block);
        GuestChange[] writes = [.. Enumerable.Range(0, blocks).Select(index => new GuestChange(GuestChangeKind.Data, (long)index * block, block, random.NextInt64()))];
        GuestChange[] zeros = [.. writes.Where(_ => random.Next(2) == 0).Select(write => write with { Kind = random.Next(2) == 0 ? GuestChangeKind.ZeroUnmap : GuestChangeKind.Zero })];
        await Guest.ApplyAsync(disk, chain.Top.View, writes);
        await disk.FlushAsync();
        await Guest.ApplyAsync(disk, chain.Top.View, zeros);
        await disk.CloseAsync();
    }

    /// <summary>At times the top is empty, and ends before its parent does: as it grows, what comes up from beneath must be hidden, and there is no table yet.</summary>
    private static async Task EmptyShortTopAsync(ChainCommand command, ChainBench bench, TestChain chain, Random random)
    {
        long size = chain.Levels[1].View.LengthBytes / 2 / SparseBytes.SectorBytes * SparseBytes.SectorBytes;
        if (random.Next(2) == 0 && size > 0)
        {
            File.Delete(chain.Top.Path);
            var plan = new LevelPlan { Name = chain.Top.Name, Format = "qed", SizeBytes = size, ClusterBytes = 4096, TableClusters = 2, Changes = [] };
            chain.Levels[0] = await bench.MakeLevelAsync(plan, chain.Levels[1], FolderOf(chain));
        }
    }

    private static Task CopyParentAsync(ChainCommand command, ChainBench bench, TestChain chain, Random random)
    {
        File.Copy(chain.Levels[1].Path, Path.Combine(FolderOf(chain), "other.qed"));
        return Task.CompletedTask;
    }

    private static Task MoveParentAsync(ChainCommand command, ChainBench bench, TestChain chain, Random random)
    {
        File.Move(chain.Levels[1].Path, Path.Combine(FolderOf(chain), "other.qed"));
        return Task.CompletedTask;
    }
}
