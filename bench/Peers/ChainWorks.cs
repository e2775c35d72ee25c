namespace QedVd.Bench.Peers;

/// <summary>Operations on chains, as whole processes.</summary>
internal static class ChainWorks
{
    public static IEnumerable<PeerWork> All(string ours, PeerImages images)
    {
        // QEMU leaves a QED top filled in any case; ours is measured both ways.
        yield return Commit("commit of 1 GiB into an allocated base", "commit", "-f", "qed", "-q", "-d");
        yield return Commit("commit of 1 GiB into an allocated base, ours empties the overlay too", "commit", "-f", "qed", "-q");

        string[] rebase = ["rebase", "-f", "qed", "-b", "", images.Fresh];
        _ = images.Full;
        yield return new PeerWork("safe rebase to no base, 2 GiB copied", 1, 0.5, images.MakeFreshOverlay, [("qemu-img", ["qemu-img", .. rebase]), (PeerWork.Ours, [ours, .. rebase])])
        {
            IsWholeProcess = true,
        };

        PeerWork Commit(string title, params string[] command) =>
            new(title, 1, 0.9, images.MakeCommittable, [("qemu-img", ["qemu-img", .. command, images.Committable]), (PeerWork.Ours, [ours, .. command, images.Committable])])
            {
                IsWholeProcess = true,
            };
    }
}
