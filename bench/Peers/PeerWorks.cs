using System.Globalization;

namespace QedVd.Bench.Peers;

/// <summary>The comparisons and their goals.</summary>
internal static class PeerWorks
{
    // A stride of the golden ratio visits a 2 GiB image in an order that no read-ahead foresees, the same for every tool.
    private const string RandomStep = "1327173632";

    // Steps from table to table of a 1 TiB image.
    private const string TableStep = "2147479552";

    public static IEnumerable<PeerWork> All(string ours, PeerImages images, double scale)
    {
        int Count(int count) => Math.Max(1, (int)(count * scale));

        PeerWork Bench(string title, double goal, int count, Func<string> file, Action? setup, params string[] options)
        {
            string path = file();
            string[] common = ["-f", "qed", "-t", "writeback", "-c", count.ToString(CultureInfo.InvariantCulture), .. options, path];
            return new PeerWork(title, count, goal, setup,
            [
                ("threads", ["qemu-img", "bench", "-i", "threads", .. common]),
                ("io_uring", ["qemu-img", "bench", "-i", "io_uring", .. common]),
                (PeerWork.Ours, [ours, "bench", .. common]),
            ]);
        }

        yield return Bench("4 KiB random reads, depth 1", 0.3, Count(100_000), () => images.Full, null, "-d", "1", "-s", "4096", "-S", RandomStep);

        PeerWork chain = Bench("4 KiB random reads through 64 empty overlays", 0.05, Count(30_000), () => images.Chain, null, "-d", "1", "-s", "4096", "-S", RandomStep);
        string[] alone = [.. chain.Commands[^1].Command[..^1], images.Full];
        yield return chain with { Commands = [.. chain.Commands, (PeerWork.OursBase, alone)] };

        yield return Bench("1 MiB sequential reads, depth 1", 1.0, Count(4_000), () => images.Full, null, "-d", "1", "-s", "1M");
        yield return Bench("4 KiB random writes in place, depth 1", 0.35, Count(50_000), () => images.Writable, null, "-w", "-d", "1", "-s", "4096", "-S", RandomStep);
        foreach (string depth in (string[])["1", "32"])
        {
            yield return Bench($"4 KiB random allocating writes, no parent, depth {depth}", 0.15, Count(10_000), () => images.Fresh, images.MakeFresh, "-w", "-d", depth, "-s", "4096", "-S", RandomStep);
        }

        _ = images.Full;
        foreach (string depth in (string[])["1", "32"])
        {
            yield return Bench($"4 KiB random allocating writes over a parent, depth {depth}", 0.15, Count(2_000), () => images.Fresh, images.MakeFreshOverlay, "-w", "-d", depth, "-s", "4096", "-S", RandomStep);
        }

        yield return Bench("4 KiB random allocating writes, a flush after each, no parent", 1.05, Count(1_000), () => images.Fresh, images.MakeFresh, "-w", "-d", "1", "-s", "4096", "-S", RandomStep, "--flush-interval", "1");
        yield return Bench("4 KiB random allocating writes, a flush after each, over a parent", 1.05, Count(500), () => images.Fresh, images.MakeFreshOverlay, "-w", "-d", "1", "-s", "4096", "-S", RandomStep, "--flush-interval", "1");
        yield return Bench("4 KiB reads over 512 tables of 256 KiB", 0.1, Count(10_000), () => images.ManyTables, null, "-d", "1", "-s", "4096", "-S", TableStep);

        PeerWork Whole(string title, double goal, Func<string> file, bool isNet, params string[] command)
        {
            string path = file();
            string empty = images.Empty;
            string[] common = [.. command, "-f", "qed", path];
            return new PeerWork(title, 1, goal, null, [("qemu-img", ["qemu-img", .. common]), (PeerWork.Ours, [ours, .. common])])
            {
                IsWholeProcess = true,
                MayFindLeaks = command[0] == "check",
                Start = isNet ? line => [.. line[..^1], empty] : null,
            };
        }

        yield return Whole("check of 1 TiB, 512 full tables, net of process start", 0.35, () => images.ManyTables, true, "check");
        yield return Whole("check of 8,192 tables with one cluster each, net of process start", 0.15, () => images.SparseTables, true, "check");
        yield return Whole("map of four million scattered extents", 0.12, () => images.Scattered, false, "map");
        yield return Whole("map of four million scattered extents, as JSON", 0.12, () => images.Scattered, false, "map", "--output=json");
        yield return Whole("map of 512 full tables, net of process start", 1.0, () => images.ManyTables, true, "map");

        yield return new PeerWork("compact of a half-empty image of 4 GiB, against convert", 1, 1.0, images.MakeCompactable,
        [
            ("qemu-img", ["qemu-img", "convert", "-f", "qed", "-O", "qed", images.Compactable, images.Fresh]),
            (PeerWork.Ours, [ours, "compact", "-f", "qed", "-q", images.Compactable]),
        ])
        {
            IsWholeProcess = true,
        };

        foreach (PeerWork work in CopyWorks.All(ours, images).Concat(ChainWorks.All(ours, images)))
        {
            yield return work;
        }
    }
}
