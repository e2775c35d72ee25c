using QedVd.TestKit;
using static QedVd.Hostile.Tests.Cases.Answers;
using static QedVd.Hostile.Tests.Cases.CaseFolder;
using static QedVd.Hostile.Tests.Cases.HostileCase;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>Sizes of disks, tables and files: at the limits, beside them, and such as would cost who believes them all his memory.</summary>
internal static class SizeCases
{
    private const ulong Pebi = 1UL << 50;

    public static IEnumerable<HostileCase> All => [.. Disks, .. Bombs];

    private static IEnumerable<HostileCase> Disks =>
    [
        Disk("M32 disk of 0 bytes", 0, Fine.Failing("bench", "not inside the disk of 0 bytes").Failing("write", "do not fit into the disk of 0 bytes").Failing("convert into", "the disk has 0 bytes")) with { ReadBytes = 0 },
        Disk("disk of one sector", 512, Fine.Failing("convert into", "the disk has 512 bytes")) with { ReadBytes = 512 },
        Disk("disk that ends within its last cluster", (1 << 20) - 512, Fine.Failing("convert into", "the disk has 1048064 bytes")) with { ReadBytes = 1 << 19 },
        Disk("disk of 511 bytes", 511, Refused("image_size is 511", "multiples of 512")),
        Disk("disk of 513 bytes", 513, Refused("image_size is 513", "multiples of 512")),
        Disk("M33 disk of 1 MiB and a byte", (1 << 20) + 1, Refused("image_size is 1048577", "multiples of 512")),
        Disk("M35 disk of exactly the maximum", 1UL << 32, Fine),
        Disk("disk of a sector less than the maximum", (1UL << 32) - 512, Fine),
        Disk("M36 disk of a sector more than the maximum", (1UL << 32) + 512, Refused("image_size is 4294967808", "at most 4294967296")),
        Disk("disk of 2^63-512 bytes", (1UL << 63) - 512, Refused("image_size is 9223372036854775296", "at most 4294967296")),
        Disk("M38 disk of 2^63 bytes", 1UL << 63, Refused("image_size is 9223372036854775808", "at most 4294967296")),
        Disk("M34 disk of 2^64-512 bytes", ulong.MaxValue - 511, Refused("image_size is 18446744073709551104", "at most 4294967296")),
        Disk("disk of 2^64-1 bytes", ulong.MaxValue, Refused("image_size is 18446744073709551615", "multiples of 512")),
        Of("M37 disk of 1 EiB with clusters of 64 KiB", () => Of(65536, 16, 1UL << 60), Refused("image_size is 1152921504606846976", "at most 1125899906842624")),
        Of("disk of 1 PiB with clusters of 64 KiB, the maximum", () => Of(65536, 16, Pebi), Huge.Failing("resize", "1125899906842624")),
        Of("disk of 64 TiB, the usual maximum", () => Of(65536, 4, 1UL << 46), Huge),
        Of("disk of 64 TiB and a sector", () => Of(65536, 4, (1UL << 46) + 512), Refused("image_size is 70368744178176", "at most 70368744177664")),
        Of("disk of 2^63-512 bytes, legal with clusters of 64 MiB", () => Of(1 << 26, 16, (1UL << 63) - 512), Huge.Saying("info", "QEMU cannot open").Failing("resize", "9223372036854775296").Failing("measure", "9223372036854775296").Failing("convert qed", "9223372036854775296").Failing("create", "9223372036854775296").Failing("snapshot", "qemu_compat=off")),
        Of("disk of 2^63 bytes with clusters of 64 MiB", () => Of(1 << 26, 16, 1UL << 63), Refused("image_size is 9223372036854775808", "at most 9223372036854775296")),
        Of("disk of 4 EiB with clusters of 1 MiB, QEMU's largest", () => Of(1 << 20, 16, 1UL << 62), Huge.Failing("resize", "4611686018427387904").Failing("measure", "4611686018427387904").Failing("convert qed", "4611686018427387904").Failing("create", "4611686018427387904")),
    ];

    private static IEnumerable<HostileCase> Bombs =>
    [
        Of("M16 tables of 1 GiB, all holes, one in use", () => Of(1 << 26, 16, 1UL << 50).SetClusters(34).SetL1(0, 17UL << 26).SetL2(17, 0, 33UL << 26), Huge.Failing("snapshot", "qemu_compat=off")),
        Of("a table of markers over a disk of 4 GiB", TablesOfMarkers, Fine),
        Of("every L1 entry names one table", () => EveryL1(3), SharedTable("entry 1 is 12288")),
        Of("every L1 entry names L1 itself", () => EveryL1(1), LostAtStart("L1", "4096").ForReadingOnly),
        Of("every L2 entry names one cluster", () => EveryL2(5), Shared("entry 1 is 20480")),
        Of("M89 file of 8 TiB, all of it a leak", () => Usual().SetLength(8L << 40), Leaks),
        Of("file of almost 16 TiB, all of it a leak", () => Usual().SetLength((16L << 40) - 8192), Leaks),
    ];

    /// <summary>M39: as many tables as a file can have that file systems take, each of 16 MiB, all of them holes.</summary>
    public static HostileCase TableBomb { get; } = Of("M39 disk of 4 EiB, half a million tables of holes", () => LinkTables(Of(1 << 20, 16, 1UL << 62), 1 << 19), Huge);

    private static QedImageBytes LinkTables(QedImageBytes image, int count)
    {
        byte[] entries = new byte[count * 8];
        for (int i = 0; i < count; i++)
        {
            BitConverter.TryWriteBytes(entries.AsSpan(i * 8), image.At(image.FirstFree + (i * 16L)));
        }

        image.File.Poke((long)image.Header.L1Offset, entries);
        return image.SetLength((image.FirstFree + (count * 16L)) << 20);
    }

    private static QedImageBytes TablesOfMarkers()
    {
        QedImageBytes image = Of(4096, 2, 1UL << 32).SetClusters(5).SetL1(0, 3 * 4096);
        for (int i = 0; i < 1024; i++)
        {
            image.SetL2(3, i, 1);
        }

        return image;
    }

    private static QedImageBytes EveryL1(long cluster)
    {
        QedImageBytes image = Usual().SetHeader(h => h with { ImageSize = 1UL << 32 });
        for (int i = 0; i < 1024; i++)
        {
            image.SetL1(i, image.At(cluster));
        }

        return image;
    }

    private static QedImageBytes EveryL2(long cluster)
    {
        QedImageBytes image = Usual();
        for (int i = 0; i < 1024; i++)
        {
            image.SetL2(3, i, image.At(cluster));
        }

        return image;
    }

    private static HostileCase Disk(string name, ulong bytes, Answers answers) => Of(name, () => Usual().SetHeader(h => h with { ImageSize = bytes }), answers);
}
