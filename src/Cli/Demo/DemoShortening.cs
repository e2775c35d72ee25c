using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Demo;

/// <summary>The part of the demo that makes the chain shorter while the disk is open.</summary>
internal sealed class DemoShortening(DiskHost host, DemoTeller teller, CancellationToken cancellation)
{
    public async Task<bool> TellAsync(string top, DiskOpenOptions options)
    {
        teller.Step("A shorter chain, while the disk is open: a commit, and a merge");
        await using VirtualDisk disk = await host.OpenDiskAsync(top, options, cancellation);
        int levels = disk.Levels.Count;
        CommitResult commit = await disk.CommitAsync(cancellationToken: cancellation);
        long left = 0;
        await foreach (DiskExtent extent in disk.DiffAsync(baseDepth: 1, cancellation))
        {
            left += extent.LengthBytes;
        }

        Tell(left == 0, $"committed: {SizeText.Human(commit.CopiedBytes)} of the second overlay moved into the first one; {SizeText.Human(left)} are left in it.");
        MergeResult merge = await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: cancellation);
        bool isOne = disk.Levels.Count == levels - 1 && merge.RemovedPaths.All(path => !File.Exists(path));
        Tell(isOne, $"merged: the two overlays are one, {merge.SurvivorPath}; {SizeText.Human(merge.CopiedBytes)} copied, {string.Join(", ", merge.RemovedPaths)} deleted, {disk.Levels.Count} levels left.");
        await disk.CloseAsync();
        return left == 0 && isOne;
    }

    private void Tell(bool good, string text)
    {
        if (good)
        {
            teller.Good(text);
        }
        else
        {
            teller.Bad(text);
        }
    }
}
