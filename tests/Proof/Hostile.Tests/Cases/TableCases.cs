using QedVd.TestKit;
using static QedVd.Hostile.Tests.Cases.Answers;
using static QedVd.Hostile.Tests.Cases.CaseFolder;
using static QedVd.Hostile.Tests.Cases.HostileCase;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>Entries of tables that name no usable place, the same place twice, or a place of others; and files that are too short for what they hold.</summary>
internal static class TableCases
{
    private const ulong Cluster = 4096;

    /// <summary>The disk has two tables' worth of clusters: the first has data, the second is what an entry is about.</summary>
    public static IEnumerable<HostileCase> All =>
    [
        .. L1Entries,
        .. L2Entries,
        .. Leaking,
        .. Cuts,
        .. Flagged,
    ];

    private static IEnumerable<HostileCase> L1Entries =>
    [
        L1("M40 L1 entry names L1", Cluster, LostTable("inside the L1 table")),
        L1("L1 entry names L1's second cluster", 2 * Cluster, LostTable("inside the L1 table")),
        L1("M41 L1 entry 1", 1, LostBehindSource("L1", "1")),
        L1("L1 entry 2", 2, LostBehindSource("L1", "2")),
        L1("L1 entry 4095", 4095, LostBehindSource("L1", "4095")),
        L1("M42 L1 entry not aligned", (8 * Cluster) + 512, LostBehindSource("L1", "33280")),
        L1("M43 L1 entry at the end", 10 * Cluster, LostBehindSource("L1", "40960")),
        L1("L1 entry of a table whose second half is beyond the end", 9 * Cluster, LostBehindSource("L1", "36864")),
        L1("L1 entry far beyond the end", 1UL << 40, LostBehindSource("L1", "1099511627776")),
        L1("L1 entry 2^63", 1UL << 63, LostBehindSource("L1", "9223372036854775808")),
        L1("M44 L1 entry 2^64-4096", ulong.MaxValue - 4095, LostBehindSource("L1", "18446744073709547520")),
        L1("M45 two L1 entries share a table", 3 * Cluster, SharedTable("entry 1 is 12288")),
        L1("two tables overlap", 4 * Cluster, LostTable("L2").Failing("bench", "inside an L2 table")),
        L1("L1 entry names data", 5 * Cluster, Lost("L2").Failing("bench", "inside an L2 table").Failing("write", "inside an L2 table")),
        Of("L1 entry behind the disk's end not aligned", () => Usual().SetL1(1000, 5), LostBehindEnd("entry 1000 is 5")),
        Of("L1 entry behind the disk's end shares a table", () => Usual().SetL1(1000, 3 * Cluster), SharedTable("entry 1000 is 12288")),
    ];

    private static IEnumerable<HostileCase> L2Entries =>
    [
        L2("M53 L2 entry 1: zeros", 1, Leaks),
        L2("M54 L2 entry 2", 2, Lost("2")),
        L2("L2 entry of a byte less than a cluster", Cluster - 1, Lost("4095")),
        L2("M49 L2 entry not aligned", (6 * Cluster) + 8, Lost("24584")),
        L2("M50 L2 entry at the end", 8 * Cluster, Lost("32768")),
        L2("L2 entry far beyond the end", 1UL << 40, Lost("1099511627776")),
        L2("M51 L2 entry 2^63", 1UL << 63, Lost("9223372036854775808")),
        L2("M52 L2 entry 2^64-4096", ulong.MaxValue - 4095, Lost("18446744073709547520")),
        L2("L2 entry 2^64-1", ulong.MaxValue, Lost("18446744073709551615")),
        L2("M46 L2 entry names L1", Cluster, Lost("4096")),
        L2("L2 entry names its own table", 3 * Cluster, Lost("12288")),
        L2("M47 two L2 entries share a cluster", 5 * Cluster, Shared("entry 1 is 20480")),
        Of("M55 L2 entry names the partial tail", () => Usual().SetL2(3, 1, 8 * Cluster).SetLength((8 * 4096) + 3000), Lost("32768")),
        Of("M48 entries of two tables share a cluster", () => TwoTables().SetL2(8, 5, 5 * Cluster), Shared("entry 5 is 20480")),
        Of("L2 entry names another table", () => TwoTables().SetL2(3, 1, 9 * Cluster), Lost("36864")),
        Of("L2 entry behind the disk's end far beyond the file's", () => Usual().SetL2(3, 1000, 1UL << 40), LostBehindEnd("entry 1000 is 1099511627776")),
    ];

    private static IEnumerable<HostileCase> Leaking =>
    [
        Of("a cluster that nothing refers to", () => Usual().SetClusters(9), Leaks),
        Of("a tail of a byte", () => Usual().SetLength((8 * 4096) + 1), Fine.Saying("info", "1 bytes")),
        Of("a tail of a byte less than a cluster", () => Usual().SetLength((9 * 4096) - 1), Fine.Saying("info", "4095 bytes")),
    ];

    private static IEnumerable<HostileCase> Cuts =>
    [
        Of("M56 cut within L1", () => Usual().SetLength(4096 + 100), Refused("l1_table_offset is 4096", "4196 bytes")),
        Of("cut one byte before L1's end", () => Usual().SetLength((3 * 4096) - 1), Refused("l1_table_offset is 4096", "12287 bytes")),
        Of("M57 cut behind L1", () => Usual().SetLength(3 * 4096), LostAtStart("L1", "12288").Failing("resize", "L1", "12288")),
        Of("cut within the first cluster of a table", () => Usual().SetLength((3 * 4096) + 100), LostAtStart("L1", "12288").Failing("resize", "L1", "12288")),
        Of("cut within the second cluster of a table", () => Usual().SetLength((5 * 4096) - 1), LostAtStart("L1", "12288").Failing("resize", "L1", "12288")),
        Of("M58 cut behind a table: all data is gone", () => Usual().SetLength(5 * 4096), LostAtStart("20480")),
        Of("M59 cut within data", () => Usual().SetLength((7 * 4096) + 512), Lost("28672")),
        Of("cut by one byte", () => Usual().SetLength((8 * 4096) - 1), Lost("28672")),
    ];

    /// <summary>Flagged images are checked before they are written, and what is damaged is not written at all.</summary>
    private static IEnumerable<HostileCase> Flagged =>
    [
        Of("flagged, and an L2 entry beyond the end", () => Usual().SetL2(3, 1, 1UL << 40).SetHeader(h => h with { Features = 2 }), Lost("1099511627776").ForReadingOnly),
        Of("flagged, and an L1 entry beyond the end", () => TwoTables().SetL1(1, 1UL << 40).SetHeader(h => h with { Features = 2 }), Lost("L1", "1099511627776").ForReadingOnly) with { ReadBytes = 8 << 20 },
        Of("flagged, and a shared cluster", () => Usual().SetL2(3, 1, 5 * Cluster).SetHeader(h => h with { Features = 2 }), Shared("entry 1 is 20480").ForReadingOnly),
        Of("flagged, and leaks", () => Usual().SetClusters(9).SetHeader(h => h with { Features = 2 }), Leaks),
    ];

    /// <summary>Lost, and behind what is converted into the image.</summary>
    private static Answers LostBehindSource(params string[] words) => Lost(words).But("convert into", Ok());

    private static QedImageBytes TwoTables() =>
        Usual().SetHeader(h => h with { ImageSize = 8 << 20 }).SetClusters(10).SetL1(1, 8 * Cluster);

    private static HostileCase L1(string name, ulong value, Answers answers) =>
        Of(name, () => TwoTables().SetL1(1, value), answers) with { ReadBytes = 8 << 20 };

    private static HostileCase L2(string name, ulong value, Answers answers) => Of(name, () => Usual().SetL2(3, 1, value), answers);
}
