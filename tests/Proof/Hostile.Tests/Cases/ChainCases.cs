using QedVd.TestKit;
using static QedVd.Hostile.Tests.Cases.Answers;
using static QedVd.Hostile.Tests.Cases.CaseFolder;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>Chains: cycles, depth, parents of other sizes and formats, parents that are damaged themselves.</summary>
internal static class ChainCases
{
    public static IEnumerable<HostileCase> All => [.. Cycles, .. Depths, .. Parents];

    private static IEnumerable<HostileCase> Cycles =>
    [
        new("M71 its own parent", f => f.SaveOver("a.qed", "a.qed"), Cycle),
        new("its own parent by another spelling", f => f.SaveOver("a.qed", ".//./a.qed"), Cycle),
        new("its own parent by a hard link", f => { f.SaveOver("a.qed", "b.qed"); Run("ln", f["a.qed"], f["b.qed"]); }, Cycle),
        new("its own parent by a symbolic link", f => { f.SaveOver("a.qed", "b.qed"); File.CreateSymbolicLink(f["b.qed"], "a.qed"); }, Cycle),
        new("M72 two that are each other's parents", f => { f.SaveOver("a.qed", "b.qed"); f.SaveOver("b.qed", "a.qed"); }, Cycle),
        new("M73 three, of which the last two go round", f => { f.SaveOver("a.qed", "b.qed"); f.SaveOver("b.qed", "c.qed"); f.SaveOver("c.qed", "b.qed"); }, Cycle),
        new("marked raw, its own parent", f => f.SaveOver("a.qed", "a.qed", isRaw: true), Cycle),
    ];

    private static IEnumerable<HostileCase> Depths =>
    [
        new("M87 as many levels as allowed", f => SaveChain(f, 200), FineChain) { Handles = 1024 },
        new("a level more than allowed", f => SaveChain(f, 201), TooDeep) { Handles = 1024 },
    ];

    private static IEnumerable<HostileCase> Parents =>
    [
        new("M86 parent that is shorter, of an odd length", f => { f.Save("base", new byte[70_001]); f.SaveOver("a.qed", "base", isRaw: true); }, FineChain),
        new("M85 parent that is longer", f => { f.Save("base", new byte[3 << 20]); f.SaveOver("a.qed", "base", isRaw: true); }, FineChain),
        new("empty parent, marked raw", f => { f.Save("base"); f.SaveOver("a.qed", "base", isRaw: true); }, FineChain),
        new("empty parent, not marked", f => { f.Save("base"); f.SaveOver("a.qed", "base"); }, NotFollowed("base", "raw")),
        new("M90 raw parent, not marked", f => { f.Save("base", new byte[1 << 20]); f.SaveOver("a.qed", "base"); }, NotFollowed("base", "raw")),
        new("parent that is a qcow2, marked raw: its bytes", f => { f.Save("base", Start("QFI\u00fb\0\0\0\u0003")); f.SaveOver("a.qed", "base", isRaw: true); }, FineChain),
        new("parent that is a QED, marked raw: its bytes", f => { f.SaveUsual("base"); f.SaveOver("a.qed", "base", isRaw: true); }, FineChain.Failing("chain repair", "the parent is marked as raw")),
        new("parent that is a qcow2, not marked", f => { f.Save("base", Start("QFI\u00fb\0\0\0\u0003")); f.SaveOver("a.qed", "base"); }, NotFollowed("base", "QEMU copy-on-write")),
        new("parent that is a VMDK, not marked", f => { f.Save("base", Start("KDMV")); f.SaveOver("a.qed", "base"); }, NotFollowed("base", "VMware")),
        new("parent whose header is wrong", f => { f.Save("base.qed", Usual().SetHeader(h => h with { ClusterSize = 5000 })); f.SaveOver("a.qed", "base.qed"); }, NotFollowed("base.qed", "cluster_size is 5000")),
        new("parent that is cut", f => { f.Save("base.qed", Usual().SetLength(5000)); f.SaveOver("a.qed", "base.qed"); }, NotFollowed("base.qed", "l1_table_offset is 4096")),
        new("parent with a feature that is not known", f => { f.Save("base.qed", Usual().SetHeader(h => h with { Features = 8 })); f.SaveOver("a.qed", "base.qed"); }, NotFollowed("base.qed", "0x8")),
        new("parent with a cluster that cannot be read", f => { f.Save("base.qed", Usual().SetL2(3, 1, 1UL << 40)); f.SaveOver("a.qed", "base.qed"); }, LostBeneath("base.qed", "1099511627776")),
        new("parent with a table that cannot be read", f => { f.Save("base.qed", Usual().SetL1(0, 1UL << 40)); f.SaveOver("a.qed", "base.qed"); }, LostBeneath("base.qed", "1099511627776").Failing("bench", "base.qed", "1099511627776")),
        new("parent that is flagged", f => { f.Save("base.qed", Usual().SetHeader(h => h with { Features = 2 })); f.SaveOver("a.qed", "base.qed"); }, FineChain),
    ];

    /// <summary>A megabyte that begins as an image of another format does.</summary>
    public static byte[] Start(string magic, int offset = 0)
    {
        byte[] bytes = new byte[1 << 20];
        System.Text.Encoding.Latin1.GetBytes(magic).CopyTo(bytes, offset);
        return bytes;
    }

    private static void SaveChain(CaseFolder folder, int levels)
    {
        for (int level = 0; level < levels - 1; level++)
        {
            folder.SaveOver(level == 0 ? "a.qed" : $"{level}.qed", $"{level + 1}.qed");
        }

        folder.SaveUsual($"{levels - 1}.qed");
    }
}
