using QedVd.Backends.Qed;
using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A chain of three in simulated files: the top is QED or test blocks, the parents are test blocks. Each level holds what no other does.</summary>
internal sealed class PullChain
{
    public const int Block = 4096;
    public const int Size = (12 * Block) + 512;

    private static readonly MemoryBackend s_blocks = new(canMaintain: true);

    private readonly ImageBackendBase _top;

    public PullChain(bool isQed)
    {
        _top = isQed ? new QedBackend() : s_blocks;
        Files = [new SimulatedFile("level 0"), new SimulatedFile("level 1"), new SimulatedFile("level 2")];
        var qed = new Dictionary<string, string> { ["cluster_size"] = "4096", ["table_size"] = "2" };
        Create(0, Size, isQed ? qed : new Dictionary<string, string>());
        Create(1, 8 * Block, new Dictionary<string, string> { ["block_size"] = "512" });
        Create(2, 20 * Block, new Dictionary<string, string>());
        using (VirtualDisk disk = TestDisks.Compose(OpenImage(2, Files[2], readOnly: false)))
        {
            Fill(disk, 1, 0, 20 * Block);
        }

        using (VirtualDisk disk = TestDisks.Compose(OpenImage(1, Files[1], readOnly: false), OpenImage(2, Files[2], readOnly: true)))
        {
            Fill(disk, 2, Block + 512, 3 * Block);
            disk.WriteZeroes(5 * Block, Block);
            disk.Close();
        }

        using (VirtualDisk disk = Open())
        {
            Fill(disk, 3, 6 * Block, 512);
            disk.WriteZeroes(0, Block);
            disk.Close();
        }

        foreach (int level in (int[])[0, 1, 2])
        {
            Files[level] = Files[level].Copy();
        }

        using VirtualDisk all = Open(readOnly: true);
        Expected = TestDisks.ReadAll(all);
    }

    public SimulatedFile[] Files { get; }

    /// <summary>What the disk reads, always.</summary>
    public byte[] Expected { get; }

    /// <summary>The disk as its top says: over its parents, or over none.</summary>
    public VirtualDisk Open(bool readOnly = false, SimulatedFile? top = null, Func<IDiskImage, IDiskImage>? around = null)
    {
        IDiskImage image = OpenImage(0, top ?? Files[0], readOnly);
        image = around is null ? image : around(image);
        var options = new DiskOpenOptions { ReadOnly = readOnly };
        return image.Parent is null
            ? TestDisks.Compose(options, image)
            : TestDisks.Compose(options, image, OpenImage(1, Files[1], readOnly: true), OpenImage(2, Files[2], readOnly: true));
    }

    /// <summary>Opens the disk again and compares; returns whether it has its parents still.</summary>
    public bool Verify(string where, SimulatedFile? top = null)
    {
        using VirtualDisk disk = Open(top: top);
        byte[] actual = TestDisks.ReadAll(disk);
        int at = Expected.AsSpan().CommonPrefixLength(actual);
        Assert.True(at == Expected.Length, at < Expected.Length ? $"{where}: byte {at} is {actual[at]}, not {Expected[at]}" : where);
        return disk.Levels.Count > 1;
    }

    private static void Fill(VirtualDisk disk, byte value, long offset, int lengthBytes)
    {
        byte[] data = new byte[lengthBytes];
        data.AsSpan().Fill(value);
        disk.Write(offset, data);
        disk.Flush();
    }

    private void Create(int level, long size, IReadOnlyDictionary<string, string> options)
    {
        using SimulatedStorage storage = Files[level].Open();
        (level == 0 ? _top : s_blocks).Create(storage, new ImageCreateOptions { VirtualSizeBytes = size, FormatOptions = options, Parent = level < 2 ? new ParentReference($"level {level + 1}") : null });
    }

    private IDiskImage OpenImage(int level, SimulatedFile file, bool readOnly) =>
        (level == 0 ? _top : s_blocks).Open(file.Open(readOnly), new ImageOpenOptions { Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None });
}
