using QedVd.TestKit;
using static QedVd.Hostile.Tests.Cases.Answers;
using static QedVd.Hostile.Tests.Cases.CaseFolder;
using static QedVd.Hostile.Tests.Cases.HostileCase;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>Fields of the header, each at its limits and beside them.</summary>
internal static class HeaderCases
{
    public static IEnumerable<HostileCase> All =>
    [
        .. TooShort,
        .. ClusterSizes,
        .. TableSizes,
        .. HeaderSizes,
        .. Features,
        .. L1Offsets,
    ];

    private static IEnumerable<HostileCase> TooShort =>
    [
        Bytes("M01 empty file", 0, Empty),
        Bytes("one byte", 1, MaybeRaw("too short (1 bytes")),
        Bytes("the magic without its NUL", 3, MaybeRaw("too short (3 bytes")),
        Bytes("M03 nothing but the magic", 4, Refused("header truncated", "4 bytes")),
        Bytes("M02 63 bytes of a header", 63, Refused("header truncated", "63 bytes")),
        Bytes("a whole header and nothing behind it", 64, Refused("header_size is 1", "file of 64 bytes")),
        Bytes("a header area that lacks its last byte", 4095, Refused("header_size is 1", "file of 4095 bytes")),
        Header("magic with another version", h => h with { Magic = 0x01444551 }, MaybeRaw("magic is 0x51454401")),
        Header("magic in the wrong order", h => h with { Magic = 0x51454400 }, MaybeRaw("magic is 0x00444551")),
        Header("magic in small letters", h => h with { Magic = 0x00646571 }, MaybeRaw("magic is 0x71656400")),
    ];

    private static IEnumerable<HostileCase> ClusterSizes =>
    [
        .. new (string Name, uint Value)[]
        {
            ("M04 cluster_size 0", 0), ("M05 cluster_size 1", 1), ("M06 cluster_size 2048", 2048), ("cluster_size 4095", 4095), ("M07 cluster_size 4097", 4097),
            ("cluster_size 6144, no power of two", 6144), ("M09 cluster_size 128 MiB", 1 << 27), ("M08 cluster_size 2^31", 1u << 31), ("cluster_size 2^32-1", uint.MaxValue),
        }.Select(each => Header(each.Name, h => h with { ClusterSize = each.Value }, Refused($"cluster_size is {each.Value}", "powers of two from 4096 to 67108864"))),
        Of("M10 cluster_size 64 MiB, table_size 16", () => Of(1 << 26, 16, 1 << 20), FineButForQemu.Failing("snapshot", "qemu_compat=off")),
        Of("cluster_size 64 MiB, table_size 2", () => Of(1 << 26, 2, 1 << 20), FineButForQemu.Failing("snapshot", "qemu_compat=off")),
        Of("cluster_size 2 MiB, table_size 16: QEMU's product wraps", () => Of(1 << 21, 16, 1 << 20), FineButForQemu),
        Of("cluster_size 4 MiB, table_size 4: QEMU's product wraps", () => Of(1 << 22, 4, 1 << 20), FineButForQemu.Failing("snapshot", "qemu_compat=off")),
        Of("cluster_size 1 MiB, table_size 16: the largest for QEMU", () => Of(1 << 20, 16, 1 << 20), Fine),
    ];

    private static IEnumerable<HostileCase> TableSizes =>
    [
        .. new (string Name, uint Value)[]
        {
            ("M11 table_size 0", 0), ("M12 table_size 3", 3), ("table_size 17", 17), ("M13 table_size 32", 32), ("M14 table_size 2^31", 1u << 31), ("table_size 2^32-1", uint.MaxValue),
        }.Select(each => Header(each.Name, h => h with { TableSize = each.Value }, Refused($"table_size is {each.Value}", "powers of two from 1 to 16"))),
        Of("M15 table_size 1", () => Of(4096, 1, 1 << 20).AddUsualTable(), FineButForQemu),
        Of("table_size 16", () => Of(4096, 16, 1 << 20).AddUsualTable(), Fine),
        Header("table_size 4 where the file has room for 2", h => h with { TableSize = 8 }, Refused("l1_table_offset is 4096", "32768")),
    ];

    private static IEnumerable<HostileCase> HeaderSizes =>
    [
        Header("M17 header_size 0", h => h with { HeaderSize = 0 }, Refused("header_size is 0", "at least 1")),
        Header("M19 header_size covers L1", h => h with { HeaderSize = 2 }, Refused("l1_table_offset is 4096", "header area at 8192")),
        Header("header_size is the whole file", h => h with { HeaderSize = 8 }, Refused("l1_table_offset is 4096", "header area at 32768")),
        Header("M20 header_size beyond the end", h => h with { HeaderSize = 9 }, Refused("header_size is 9", "file of 32768 bytes")),
        Header("header_size whose product is 2^32", h => h with { HeaderSize = 1 << 20 }, Refused("header_size is 1048576", "file of 32768 bytes")),
        Header("M18 header_size 2^32-1", h => h with { HeaderSize = uint.MaxValue }, Refused("header_size is 4294967295", "file of 32768 bytes")),
        Of("header_size 2, legal", () => new QedImageBytes(new QedHeaderBytes { HeaderSize = 2, L1Offset = 8192 }).AddUsualTable(), Fine),
    ];

    private static IEnumerable<HostileCase> Features =>
    [
        Header("M21 unknown feature, bit 3", h => h with { Features = 8 }, Refused("features", "0x8")),
        Header("M22 unknown feature, bit 63", h => h with { Features = 1UL << 63 }, Refused("features", "0x8000000000000000")),
        Header("all features", h => h with { Features = ulong.MaxValue }, Refused("features", "0xfffffffffffffff8")),
        Header("M23 unknown compatible feature", h => h with { Compat = 1 }, Fine.Saying("info", "0x1").Failing("rebase -u", "compatible features").Failing("rebase", "compatible features")),
        Header("unknown compatible feature, bit 63", h => h with { Compat = 1UL << 63 }, Fine.Saying("info", "0x8000000000000000").Failing("rebase -u", "compatible features").Failing("rebase", "compatible features")),
        Header("M24 unknown autoclear feature", h => h with { Autoclear = 1 }, Fine.Saying("info", "0x1")),
        Header("all autoclear features", h => h with { Autoclear = ulong.MaxValue }, Fine.Saying("info", "0xffffffffffffffff")),
        Header("M25 parent marked raw, and none named", h => h with { Features = 4 }, Fine),
        Header("M26 flagged, and sound", h => h with { Features = 2 }, Fine.Saying("info", "check")),
        Header("flagged, parent marked raw, and none named", h => h with { Features = 6 }, Fine),
    ];

    private static IEnumerable<HostileCase> L1Offsets =>
    [
        Header("M27 l1_table_offset 0", h => h with { L1Offset = 0 }, Refused("l1_table_offset is 0", "header area at 4096")),
        Header("l1_table_offset 512", h => h with { L1Offset = 512 }, Refused("l1_table_offset is 512", "multiples")),
        Header("M28 l1_table_offset not aligned", h => h with { L1Offset = 4097 }, Refused("l1_table_offset is 4097", "multiples")),
        Header("l1_table_offset one sector on", h => h with { L1Offset = 4608 }, Refused("l1_table_offset is 4608", "multiples")),
        Header("l1_table_offset at the end", h => h with { L1Offset = 32768 }, Refused("l1_table_offset is 32768", "32768 bytes")),
        Header("M29 l1_table_offset beyond the end", h => h with { L1Offset = 1UL << 40 }, Refused("l1_table_offset is 1099511627776", "32768 bytes")),
        Header("M31 L1 ends one cluster behind the end", h => h with { L1Offset = 28672 }, Refused("l1_table_offset is 28672", "32768 bytes")),
        Header("l1_table_offset 2^63", h => h with { L1Offset = 1UL << 63 }, Refused("l1_table_offset is 9223372036854775808", "32768 bytes")),
        Header("M30 l1_table_offset 2^64-4096", h => h with { L1Offset = ulong.MaxValue - 4095 }, Refused("l1_table_offset is 18446744073709547520", "32768 bytes")),
        Of("L1 behind everything else, legal", () => Usual().SetClusters(10).SetHeader(h => h with { L1Offset = 32768 }).SetL1(0, 3 * 4096), Leaks),
    ];

    private static HostileCase Bytes(string name, int count, Answers answers) =>
        new(name, folder => folder.Save("a.qed", Usual().File.ReadBytes(0, count)), answers) { ReadBytes = 0 };

    private static HostileCase Header(string name, Func<QedHeaderBytes, QedHeaderBytes> change, Answers answers) =>
        Of(name, () => Usual().SetHeader(change), answers) with { ReadBytes = 32768 };
}
