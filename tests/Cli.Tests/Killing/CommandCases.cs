using System.Buffers.Binary;
using QedVd.ChainKit;
using QedVd.Host;

namespace QedVd.Cli.Tests.Killing;

/// <summary>Every verb that changes files, in every way that takes another path through the code.</summary>
internal static class CommandCases
{
    private const long Far = 64L << 30;

    public static IReadOnlyList<CommandCase> All { get; } =
    [
        new() { Name = "commit", Arguments = _ => ["commit", "-q", "@3.qed"], Apply = chain => chain.Commit(1) },
        new() { Name = "commit-base", Arguments = chain => ["commit", "-q", "-b", $"@{Base(chain).Name}", "@3.qed"], Apply = chain => chain.Commit(3), IsRepeatable = false },
        new()
        {
            Name = "commit-delete",
            Arguments = chain => ["commit", "-q", "--delete-superseded", "-b", $"@{Base(chain).Name}", "@3.qed"],
            Apply = chain => chain.Commit(3),
            IsRepeatable = false,
        },
        new() { Name = "commit-keep", Arguments = _ => ["commit", "-q", "-d", "-b", "@1.qed", "@3.qed"], Apply = chain => chain.Commit(2), IsRepeatable = false },
        new() { Name = "rebase", Arguments = chain => ["rebase", "-q", "-b", Base(chain).Name, "-F", Base(chain).Format, "@3.qed"], Apply = chain => chain.Drop(chain.Levels.Skip(1).Take(2)) },
        new() { Name = "rebase-none", Arguments = _ => ["rebase", "-q", "-b", "", "@3.qed"], Apply = chain => chain.Drop(chain.Levels.Skip(1)) },
        new() { Name = "rebase-unsafe", Prepare = CopyParentAsync, Arguments = _ => ["rebase", "-q", "-u", "-b", "other.qed", "-F", "qed", "@3.qed"], Apply = OverTheCopy },
        new() { Name = "amend", Prepare = CopyParentAsync, Arguments = _ => ["amend", "-q", "-o", "backing_file=other.qed,backing_fmt=qed", "@3.qed"], Apply = OverTheCopy },
        new() { Name = "flatten", Arguments = _ => ["flatten", "-q", "@3.qed"], Apply = chain => chain.Drop(chain.Levels.Skip(1)) },
        new() { Name = "merge-down", Arguments = _ => ["merge", "-q", "--direction", "down", "--to", "@1.qed", "@3.qed"], Apply = chain => chain.Merge(0, 2, isDown: true), IsRepeatable = false },
        new() { Name = "merge-up", Arguments = chain => ["merge", "-q", "--direction", "up", "--to", $"@{Base(chain).Name}", "@3.qed"], Apply = chain => chain.Merge(0, 3, isDown: false), IsRepeatable = false },
        new() { Name = "merge-between", Arguments = _ => ["merge", "-q", "--direction", "down", "--from", "@2.qed", "--to", "@1.qed", "@3.qed"], Apply = chain => chain.Merge(1, 2, isDown: true), IsRepeatable = false },
        new() { Name = "copy", Prepare = MakeFolder("copies"), Arguments = _ => ["copy", "-q", "@3.qed", "@copies"], Makes = chain => Elsewhere(chain, "copies"), Replaces = NoChain },
        new() { Name = "copy-over", Prepare = MakeOlderAsync, Arguments = _ => ["copy", "-q", "--overwrite", "@3.qed", "@copies"], Makes = chain => Elsewhere(chain, "copies"), Replaces = Older },
        new() { Name = "compact", Arguments = _ => ["compact", "-q", "@3.qed"] },
        new() { Name = "compact-equal", Arguments = _ => ["compact", "-q", "--drop-equal-to-parent", "@3.qed"] },
        new() { Name = "convert", Arguments = _ => ["convert", "-q", "--overwrite", "-O", "qed", "@3.qed", "@copy.qed"], Makes = chain => Made(chain, "copy.qed", "qed") },
        new() { Name = "convert-raw", Arguments = _ => ["convert", "-q", "--overwrite", "-O", "raw", "@3.qed", "@copy.raw"], Makes = chain => Made(chain, "copy.raw", "raw") },
        new()
        {
            Name = "convert-onto",
            Arguments = chain => ["convert", "-q", "--overwrite", "-O", "qed", "-B", Base(chain).Name, "-F", Base(chain).Format, "@3.qed", "@copy.qed"],
            Makes = chain => Made(chain, "copy.qed", "qed", Base(chain)),
        },
        new() { Name = "convert-into", Prepare = MakeTargetAsync, Arguments = _ => ["convert", "-q", "-n", "-O", "qed", "@3.qed", "@copy.qed"], Makes = chain => Made(chain, "copy.qed", "qed") },
        new() { Name = "grow", Arguments = _ => ["resize", "-q", "@3.qed", "16M"], Apply = chain => Resize(chain, 16 << 20) },
        new() { Name = "grow-far", Arguments = _ => ["resize", "-q", "@3.qed", "64G"], Apply = chain => Resize(chain, Far) },
        new() { Name = "shrink", Arguments = _ => ["resize", "-q", "--shrink", "@3.qed", "20k"], Apply = chain => Resize(chain, 20 << 10) },
        new() { Name = "snapshot", Arguments = _ => ["snapshot", "-q", "@3.qed", "@new.qed"], Apply = chain => chain.PutOnTop(Beside(chain, "new.qed")), IsRepeatable = false },
        new() { Name = "create", Arguments = _ => ["create", "-q", "@new.qed", "1M"], Makes = Empty, IsRepeatable = false },
        new() { Name = "create-over", Prepare = MakeOldAsync, Arguments = _ => ["create", "-q", "--overwrite", "@new.qed", "1M"], Makes = Empty },
        new() { Name = "create-overlay", Arguments = _ => ["create", "-q", "-b", "3.qed", "-F", "qed", "@new.qed"], Apply = chain => chain.PutOnTop(Beside(chain, "new.qed")), IsRepeatable = false },
        new() { Name = "write", Prepare = MakeInputAsync, Arguments = _ => ["write", "--offset", "100", "-i", "@in.bin", "@3.qed"], Apply = WriteInput },
        new() { Name = "trim", Arguments = _ => ["trim", "-q", "--all", "@3.qed"], Discards = true },
        new() { Name = "rename", Prepare = MakeFolder("sub"), Arguments = _ => ["rename", "-q", "@3.qed", "@sub/3.qed"], Apply = chain => chain.Top.Path = Beside(chain, "sub/3.qed"), IsRepeatable = false },
        new() { Name = "chain-repair", Prepare = MoveParentsAsync, Arguments = _ => ["chain", "repair", "-q", "--search", "@moved", "@3.qed"], Apply = ParentsAreMoved, IsBrokenBefore = true },
        new() { Name = "check-leaks", Prepare = LeakAsync, Arguments = _ => ["check", "-q", "-r", "leaks", "@3.qed"], HasFindings = true },
        new() { Name = "check-all", Make = MakeDamagedAsync, Arguments = _ => ["check", "-q", "-r", "all", "@3.qed"], IsDamagedBefore = true, HasFindings = true },
    ];

    /// <summary>What shares blocks, between files that can: runs of data that are long enough, into a format without blocks.</summary>
    public static CommandCase Sharing { get; } = new()
    {
        Name = "convert-shared",
        Make = MakeFilledAsync,
        Arguments = _ => ["convert", "-q", "--overwrite", "-O", "raw", "@3.qed", "@copy.raw"],
        Makes = chain => Made(chain, "copy.raw", "raw"),
    };

    private static ChainLevel Base(TestChain chain) => chain.Levels[^1];

    private static string Beside(TestChain chain, string name) => Path.Combine(Path.GetDirectoryName(chain.Top.Path)!, name);

    private static TestChain Elsewhere(TestChain chain, string folder)
    {
        TestChain copy = chain.Clone();
        copy.Levels.ForEach(level => level.Path = Path.Combine(Path.GetDirectoryName(level.Path)!, folder, level.Name));
        return copy;
    }

    private static TestChain NoChain(TestChain chain)
    {
        TestChain none = chain.Clone();
        none.Levels.Clear();
        return none;
    }

    /// <summary>A chain where the copy comes to lie, of the same names, each level with something of its own.</summary>
    private static TestChain Older(TestChain chain)
    {
        TestChain older = Elsewhere(chain, "copies");
        for (int depth = older.Levels.Count - 1; depth >= 0; depth--)
        {
            ChainLevel level = older.Levels[depth];
            GuestChange change = OlderChange(depth, level.View.LengthBytes);
            level.View = depth == older.Levels.Count - 1 ? new GuestBytes(level.View.LengthBytes) : older.Levels[depth + 1].View.CloneAs(level.View.LengthBytes);
            level.View.Write(change.Offset, GuestPattern.Make(change.Offset, change.LengthBytes, change.Pattern));
        }

        return older;
    }

    private static GuestChange OlderChange(int depth, long sizeBytes)
    {
        long offset = depth * 5000 % sizeBytes;
        return new GuestChange(GuestChangeKind.Data, offset, (int)Math.Min(7000, sizeBytes - offset), 20 + depth);
    }

    private static async Task MakeOlderAsync(ChainBench bench, TestChain chain)
    {
        string folder = Directory.CreateDirectory(Beside(chain, "copies")).FullName;
        ChainLevel? beneath = null;
        for (int depth = chain.Levels.Count - 1; depth >= 0; depth--)
        {
            ChainLevel level = chain.Levels[depth];
            LevelPlan plan = Plan(level.Name, level.View.LengthBytes, 0) with { Format = level.Format, Changes = [OlderChange(depth, level.View.LengthBytes)] };
            beneath = await bench.MakeLevelAsync(plan, beneath, folder);
        }
    }

    /// <summary>What the chain reads, in one image of its own, or in one over a level.</summary>
    private static TestChain Made(TestChain chain, string name, string format, ChainLevel? parent = null)
    {
        TestChain made = chain.Clone();
        GuestBytes view = made.View;
        made.Drop(made.Levels.Where(level => level.Path != parent?.Path));
        made.Levels.Insert(0, new ChainLevel { Path = Beside(chain, name), Format = format, View = view });
        return made;
    }

    private static TestChain Empty(TestChain chain)
    {
        TestChain made = Made(chain, "new.qed", "qed");
        made.Top.View = new GuestBytes(1 << 20);
        return made;
    }

    private static void Resize(TestChain chain, long sizeBytes) => chain.Top.View = chain.View.CloneAs(sizeBytes);

    private static Func<ChainBench, TestChain, Task> MakeFolder(string name) => (_, chain) =>
    {
        Directory.CreateDirectory(Beside(chain, name));
        return Task.CompletedTask;
    };

    private static Task CopyParentAsync(ChainBench bench, TestChain chain)
    {
        File.Copy(chain.Levels[1].Path, Beside(chain, "other.qed"));
        return Task.CompletedTask;
    }

    private static void OverTheCopy(TestChain chain) => chain.Levels[1].Path = Beside(chain, "other.qed");

    private static async Task MakeTargetAsync(ChainBench bench, TestChain chain) => await bench.MakeLevelAsync(Plan("copy.qed", chain.View.LengthBytes, 7), null, Path.GetDirectoryName(chain.Top.Path)!);

    private static async Task MakeOldAsync(ChainBench bench, TestChain chain) => await bench.MakeLevelAsync(Plan("new.qed", 96 << 10, 8), null, Path.GetDirectoryName(chain.Top.Path)!);

    private static LevelPlan Plan(string name, long sizeBytes, long pattern) => new()
    {
        Name = name,
        Format = "qed",
        SizeBytes = sizeBytes,
        ClusterBytes = 4096,
        Changes = [new GuestChange(GuestChangeKind.Data, 0, (int)Math.Min(sizeBytes, 30_000), pattern)],
    };

    private static async Task MakeInputAsync(ChainBench bench, TestChain chain) => await File.WriteAllBytesAsync(Beside(chain, "in.bin"), Input(chain));

    private static void WriteInput(TestChain chain)
    {
        GuestBytes view = chain.View.Clone();
        view.Write(100, Input(chain));
        chain.Top.View = view;
    }

    private static byte[] Input(TestChain chain) => GuestPattern.Make(100, (int)Math.Min(chain.View.LengthBytes - 100, 50_001), 9);

    private static Task MoveParentsAsync(ChainBench bench, TestChain chain)
    {
        string[] old = [.. chain.Levels.Skip(1).Select(level => level.Path)];
        ParentsAreMoved(chain);
        Directory.CreateDirectory(Beside(chain, "moved"));
        foreach ((string from, ChainLevel to) in old.Zip(chain.Levels.Skip(1)))
        {
            File.Move(from, to.Path);
        }

        return Task.CompletedTask;
    }

    private static void ParentsAreMoved(TestChain chain)
    {
        foreach (ChainLevel level in chain.Levels.Skip(1).Where(level => Path.GetDirectoryName(level.Path) == Path.GetDirectoryName(chain.Top.Path)))
        {
            level.Path = Beside(chain, $"moved/{level.Name}");
        }
    }

    private static Task LeakAsync(ChainBench bench, TestChain chain)
    {
        using FileStream file = File.OpenWrite(chain.Top.Path);
        file.SetLength(((file.Length + 65535) / 65536 * 65536) + (5 * 65536));
        file.Position = file.Length - 100_000;
        file.Write(new byte[50_000].Select(_ => (byte)0xDB).ToArray());
        return Task.CompletedTask;
    }

    private static async Task<TestChain> MakeFilledAsync(ChainBench bench, Random random, string folder)
    {
        int size = random.Next(8, 12) << 18;
        LevelPlan plan = Plan("3.qed", size, 0) with { ClusterBytes = 65536, Changes = [new GuestChange(GuestChangeKind.Data, 0, size, random.NextInt64())] };
        return new TestChain(bench, [await bench.MakeLevelAsync(plan, null, folder)]);
    }

    /// <summary>One image, marked for a check, with leaks, and with a cluster that two entries name: both read what it holds, before and afterwards.</summary>
    private static async Task<TestChain> MakeDamagedAsync(ChainBench bench, Random random, string folder)
    {
        const int Cluster = 4096;
        int count = random.Next(2, 9);
        byte[] data = GuestPattern.Make(0, count * Cluster, random.NextInt64());
        LevelPlan plan = Plan("3.qed", 100_352, 0) with { TableClusters = 2, Changes = [] };
        ChainLevel level = await bench.MakeLevelAsync(plan, null, folder);
        using (VirtualDisk disk = bench.Host.OpenDisk(level.Path, new DiskOpenOptions { Format = "qed", Mode = ConsistencyMode.Unsafe }))
        {
            disk.Write(0, data);
            disk.Close();
        }

        byte[] image = await File.ReadAllBytesAsync(level.Path);
        int table = (int)BinaryPrimitives.ReadInt64LittleEndian(image.AsSpan((int)BinaryPrimitives.ReadInt64LittleEndian(image.AsSpan(40))));
        int shared = random.Next(count);
        int free = random.Next(count, 24);
        image.AsSpan(table + (shared * 8), 8).CopyTo(image.AsSpan(table + (free * 8)));
        image[16] |= 2;
        await File.WriteAllBytesAsync(level.Path, [.. image, .. new byte[2 * Cluster]]);
        level.View.Write(0, data);
        level.View.Write(free * Cluster, data.AsSpan(shared * Cluster, Cluster));
        return new TestChain(bench, [level]);
    }
}
