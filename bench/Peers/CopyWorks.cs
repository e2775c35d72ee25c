namespace QedVd.Bench.Peers;

/// <summary>
/// Converting and comparing, as whole processes and net of their start. qemu-img leaves the target to the page cache unless told otherwise, and so does ours here
/// (<c>-t unsafe</c>). Beside it stand both with a target that is durable in the end, which is our default, and cp.
/// </summary>
internal static class CopyWorks
{
    public static IEnumerable<PeerWork> All(string ours, PeerImages images)
    {
        string Image(string format, bool isSparse) => (format, isSparse) switch
        {
            ("raw", true) => images.SparseRaw,
            ("raw", false) => images.FullRaw,
            (_, true) => images.SparseQed,
            _ => images.Full,
        };

        foreach (bool isSparse in (bool[])[false, true])
        {
            string what = isSparse ? "20 GiB with 5 % scattered data" : "2 GiB of data";
            foreach ((string from, string to, double goal) in isSparse
                ? ((string, string, double)[])[("raw", "qed", 0.4), ("qed", "raw", 0.35), ("qed", "qed", 0.25)]
                : [("raw", "qed", 0.8), ("qed", "raw", 0.5), ("qed", "qed", 0.75)])
            {
                string source = Image(from, isSparse);
                string[] common = ["-f", from, "-O", to, source, images.Target];
                PeerWork work = new($"convert {from} -> {to}, {what}", 1, goal, images.RemoveTargets,
                [
                    ("qemu-img", ["qemu-img", "convert", .. common]),
                    ($"{PeerWork.Beside}qemu-img -t writeback", ["qemu-img", "convert", "-t", "writeback", .. common]),
                    ($"{PeerWork.Beside}qedvd, durable", [ours, "convert", "-q", .. common]),
                    ($"{PeerWork.Beside}cp", ["cp", source, images.Target]),
                    (PeerWork.Ours, [ours, "convert", "-q", "-t", "unsafe", .. common]),
                ])
                {
                    IsWholeProcess = true,
                };
                string empty = from == "raw" ? images.EmptyRaw : images.Empty;
                yield return work;
                yield return work with { Title = $"{work.Title}, net of process start", Start = line => [.. line[..^2], empty, images.EmptyTarget] };
            }

            string[] pair = ["-f", "raw", "-F", "qed", Image("raw", isSparse), Image("qed", isSparse)];
            PeerWork compare = new($"compare raw and qed, equal, {what}", 1, isSparse ? 0.25 : 0.75, null,
            [
                ("qemu-img", ["qemu-img", "compare", .. pair]),
                (PeerWork.Ours, [ours, "compare", "-q", .. pair]),
            ])
            {
                IsWholeProcess = true,
            };
            yield return compare;
            yield return compare with { Title = $"{compare.Title}, net of process start", Start = line => [.. line[..^2], images.EmptyRaw, images.Empty] };
        }
    }
}
