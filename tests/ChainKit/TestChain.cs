namespace QedVd.ChainKit;

/// <summary>A chain of real files, and what each of its levels must read as. An operation that a test runs on the files it also carries out here.</summary>
public sealed class TestChain(ChainBench bench, IEnumerable<ChainLevel> levels)
{
    /// <summary>Top first.</summary>
    public List<ChainLevel> Levels { get; private set; } = [.. levels];

    public ChainLevel Top => Levels[0];

    public GuestBytes View => Top.View;

    /// <summary>For messages: the files, top first.</summary>
    public string Description => string.Join(" -> ", Levels.Select(level => $"{level.Name} ({level.View.LengthBytes})"));

    public VirtualDisk Open(bool readOnly = false, ConsistencyMode mode = ConsistencyMode.Ordered) =>
        bench.Host.OpenDisk(Top.Path, Options with { Format = Top.Format, ReadOnly = readOnly, Mode = mode });

    public DiskOpenOptions Options { get; init; } = new();

    /// <summary>The chain with a new image on top that reads the same.</summary>
    public void PutOnTop(string path, string format = "qed") => Levels.Insert(0, new ChainLevel { Path = path, Format = format, View = View.Clone() });

    /// <summary>Files that were part of the chain once, and are of no use any more.</summary>
    public List<string> Dropped { get; } = [];

    /// <summary>What the top reads is in a level beneath, which is as long at least; the levels between are of no use any more.</summary>
    public void Commit(int depth)
    {
        ChainLevel target = Levels[depth];
        GuestBytes view = target.View.CloneAs(Math.Max(target.View.LengthBytes, View.LengthBytes));
        view.Overwrite(View);
        target.View = view;
        Drop(Levels.Skip(1).Take(depth - 1));
    }

    /// <summary>One level is left of these, the highest or the lowest, and reads as the highest did.</summary>
    public void Merge(int from, int to, bool isDown)
    {
        ChainLevel survivor = Levels[isDown ? to : from];
        survivor.View = Levels[from].View;
        survivor.IsViewKnown = Levels[from].IsViewKnown;
        Drop(Levels.Skip(from).Take(to - from + 1).Where(level => level != survivor));
    }

    /// <summary>These are no part of the chain any more.</summary>
    public void Drop(IEnumerable<ChainLevel> levels)
    {
        foreach (ChainLevel level in levels.ToArray())
        {
            Dropped.Add(level.Path);
            Levels.Remove(level);
        }
    }

    /// <summary>Deletes the files of what was dropped.</summary>
    public void DeleteDropped()
    {
        Dropped.ForEach(File.Delete);
        Dropped.Clear();
    }

    /// <summary>The guest works, on the disk and here.</summary>
    public Task WriteAsync(VirtualDisk disk, Random random, int changes) =>
        Guest.ApplyAsync(disk, View, ChainPlan.DrawChanges(random, View.LengthBytes, BlockBytesOf(disk), changes));

    /// <summary>
    /// Fails unless the chain is made of these files, each level reads as it must, no image has errors or leaks, and (where <paramref name="files"/> is
    /// true) no other file lies in the folder.
    /// </summary>
    public async Task ShouldHoldAsync(string what, bool files = false)
    {
        for (int depth = 0; depth < Levels.Count; depth++)
        {
            ChainLevel level = Levels[depth];
            using VirtualDisk disk = bench.Host.OpenDisk(level.Path, Options with { Format = level.Format, ReadOnly = true });
            Assert.True(
                disk.Levels.Select(each => each.Path).SequenceEqual(Levels.Skip(depth).Select(each => each.Path)),
                $"{what}: the chain of {level.Name} is {string.Join(" -> ", disk.Levels.Select(each => Path.GetFileName(each.Path)))} instead of {Description}");
            if (level.IsViewKnown)
            {
                await level.View.ShouldBeReadFromAsync(disk, what).ConfigureAwait(false);
            }

            disk.Close();
            await bench.ShouldBeCleanAsync(level.Path, level.Format, what).ConfigureAwait(false);
        }

        if (files)
        {
            string[] expected = [.. Levels.Select(level => level.Path).Order(StringComparer.Ordinal)];
            Assert.True(bench.FilesOf(Path.GetDirectoryName(Top.Path)!).SequenceEqual(expected), $"{what}: the folder holds {string.Join(", ", bench.FilesOf(Path.GetDirectoryName(Top.Path)!))}");
        }
    }

    /// <summary>Gives back what nothing refers to, as an operation leaves it that was killed or cancelled; fails where more than that is wrong.</summary>
    public async Task GiveBackLeaksAsync(string what)
    {
        foreach (ChainLevel level in Levels.Where(level => level.Format != "raw"))
        {
            var request = new ImageOpenRequest { Format = level.Format };
            CheckReport report = await bench.Host.CheckAsync(level.Path, request: request).ConfigureAwait(false);
            Assert.True(report.IsSound, $"{what}: {level.Name} has {report.Corruptions} errors");
            if (!report.IsClean)
            {
                await bench.Host.CheckAsync(level.Path, new CheckOptions { Repair = RepairMode.Leaks }, request).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whether the open disk reads as it must.</summary>
    public Task ShouldBeReadFromAsync(VirtualDisk disk, string what) => View.ShouldBeReadFromAsync(disk, what);

    /// <summary>The same chain as files in another folder, byte by byte.</summary>
    public TestChain CopyTo(string folder)
    {
        Directory.CreateDirectory(folder);
        return new TestChain(bench, Levels.Select(level =>
        {
            string path = Path.Combine(folder, level.Name);
            File.Copy(level.Path, path, overwrite: true);
            return new ChainLevel { Path = path, Format = level.Format, View = level.View.Clone() };
        }))
        { Options = Options };
    }

    /// <summary>The same files; what an operation changes here, it does not change there.</summary>
    public TestChain Clone() =>
        new(bench, Levels.Select(level => new ChainLevel { Path = level.Path, Format = level.Format, View = level.View.Clone(), IsViewKnown = level.IsViewKnown })) { Options = Options };

    internal static int BlockBytesOf(VirtualDisk disk) => Math.Max(512, disk.Levels[0].BlockBytes);
}
