using System.Buffers.Binary;
using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains.Planted;

/// <summary>The search through the states of chains finds what it is there for: each defect alone shows, in what a normal run looks at.</summary>
public sealed class PlantedDefectTests
{
    private const string Top = "3.qed";
    private const int States = 300;
    private const int MostChains = 12;
    private const int ClusterBytes = 16384;

    // Where the byte lies that a file has otherwise than it is shown.
    private static readonly AsyncLocal<long> s_flipped = new();

    private static readonly Dictionary<string, (string Command, string Found, ChainDefect Defect, Func<IImageStorage, IImageStorage>? Plant)> s_defects = new()
    {
        ["the barriers of files are lost"] = ("commit", "", new() { Drops = barrier => barrier.File is not null }, null),
        ["the barriers of files are lost as levels are deleted"] = ("merge down", "", new() { Drops = barrier => barrier.File is not null }, null),
        ["the barrier of the folder is lost"] = ("create", "after the command had ended well", new() { Drops = barrier => barrier.DurableFolder is not null }, null),
        ["the barriers of folders are lost as a name changes"] = ("rename", "after the command had ended well", new() { Drops = barrier => barrier.DurableFolder is not null }, null),
        ["a level is another one"] = ("grow", "the disk: ", new() { Spoils = state => Planting.Name(state, ("2.qed", "1.qed")) }, null),
        ["an old file has the name of the one that is made"] = ("convert", "made", new() { Spoils = state => Planting.Name(state, ("copy.qed", "2.qed")) }, null),
        ["a level is gone"] = ("compact", "2.qed", new() { Spoils = state => Planting.Name(state, ("2.qed", "nothing")) }, null),
        ["a file is left over"] = ("rebase by name", "the folder holds", new() { Spoils = state => Planting.Name(state, (".left", "2.qed")) }, null),
        ["a byte of the guest is another"] = ("amend", "byte", new() { Spoils = state => Planting.Flip(state, Top, Planting.DataOf(state, Top)) }, null),
        ["a byte beneath is another"] = ("snapshot", "byte", new() { Spoils = state => Planting.Flip(state, "2.qed", Planting.DataOf(state, "2.qed")) }, null),
        ["a table lies outside of the file"] = ("create over", Top, new() { Spoils = state => Planting.Change(state, Top, LinkNowhere) }, null),
        ["more is lost than was taken"] = ("amend", "are lost", new() { Spoils = state => Planting.Change(state, Top, content => content.Write(content.LengthBytes + (40 * ClusterBytes) - 1, [1])) }, null),
        ["opening for reading writes"] = ("rebase by name", "opened for reading only", new(), Append),
        ["writing changes a parent"] = ("snapshot", "was written to", new(), storage => new PlantedStorage(storage, (_, write) => WriteAndAppend(storage, write))),
        ["what is written next is lost"] = ("grow", "written to", new(), storage => new PlantedStorage(storage, (length, write) => WriteSmall(length, write))),
        ["only another reader sees that the file is wrong"] = ("amend", "second reader", new() { Spoils = FlipShown }, Show),
    };

    public static TheoryData<string> Defects => [.. s_defects.Keys];

    [Theory]
    [MemberData(nameof(Defects))]
    public async Task Defect_IsFound(string name)
    {
        (string command, string found, ChainDefect defect, Func<IImageStorage, IImageStorage>? plant) = s_defects[name];
        long seed = LongRun.Seed();
        var random = new Random((int)seed);
        string first = "";
        int chains = 0;
        while (first.Length == 0 && chains++ < MostChains)
        {
            using var bench = new ChainBench(ChainBench.InMemory);
            using var planted = new ChainBench(ChainBench.InMemory, plant is null ? null : backend => new PlantedBackend(backend, plant));
            var explorer = new ChainExplorer(bench, command, random.Next(), promisesZeros: true, defect, planted);
            await explorer.RunAsync(States, 0, 0);
            first = explorer.Violations.FirstOrDefault(each => each.Contains(found, StringComparison.Ordinal)) ?? "";
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}, {chains} chains: {first}");
        Assert.True(first.Length > 0, $"seed {seed}: '{name}' was not found in '{command}' on {MostChains} chains");
        Assert.Contains(Peers.Find("qemu-img") is null ? "QEMU is not there" : "qemu-img check: ", first, StringComparison.Ordinal);
    }

    private static void LinkNowhere(SparseBytes content)
    {
        byte[] offset = new byte[8];
        content.Read(40, offset);
        content.Write(BinaryPrimitives.ReadInt64LittleEndian(offset), BitConverter.GetBytes(1L << 40));
    }

    private static IImageStorage Append(IImageStorage storage)
    {
        if (storage.IsReadOnly && IsTop(storage))
        {
            File.AppendAllText(storage.Name, "x");
        }

        return storage;
    }

    private static void WriteAndAppend(IImageStorage storage, Action write)
    {
        write();
        if (IsTop(storage))
        {
            File.AppendAllText(Path.Combine(Path.GetDirectoryName(storage.Name)!, "1.qed"), "x");
        }
    }

    /// <summary>Entries are written, data is not.</summary>
    private static void WriteSmall(int lengthBytes, Action write)
    {
        if (lengthBytes < SparseBytes.PageBytes)
        {
            write();
        }
    }

    private static FolderState FlipShown(FolderState state) => Planting.Flip(state, Top, s_flipped.Value = Planting.DataOf(state, Top));

    private static IImageStorage Show(IImageStorage storage) => IsTop(storage) ? new PlantedStorage(storage, null, s_flipped.Value) : storage;

    private static bool IsTop(IImageStorage storage) => Path.GetFileName(storage.Name) == Top;
}
