using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Demo;

/// <summary>The part of the demo that damages the top overlay, repairs it, and gives back what it does not need.</summary>
internal sealed class DemoUpkeep(DiskHost host, DemoTeller teller, CancellationToken cancellation)
{
    private const int LeakedClusters = 3;
    private const long MaxTakenBackBytes = 4 << 20;

    private static readonly ImageOpenRequest s_qed = new() { Format = "qed", ForContent = true };

    public async Task<bool> TellAsync(string top, DiskOpenOptions options)
    {
        teller.Step("Upkeep: the top overlay is damaged, repaired, and compacted in place");
        ImageDescription before = await DescribeAsync(top);
        await using (FileStream file = new(top, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            await file.WriteAsync(DemoPlan.Text("nothing refers to this", LeakedClusters * before.BlockBytes), cancellation);
        }

        teller.Say($"Appended {LeakedClusters} clusters that nothing refers to, as a power cut may leave them.");
        CheckReport found = await host.CheckAsync(top, request: s_qed, cancellationToken: cancellation);
        CheckReport repaired = await host.CheckAsync(top, new CheckOptions { Repair = RepairMode.All }, s_qed, cancellationToken: cancellation);
        ImageDescription mended = await DescribeAsync(top);
        bool good = found.Leaks == LeakedClusters && repaired.IsClean && mended.FileLengthBytes == before.FileLengthBytes;
        string told = $"found {found.Leaks} leaks, repaired {repaired.LeaksFixed}; the file is {mended.FileLengthBytes} bytes long, and was {before.FileLengthBytes}.";
        Tell(good, told);

        await WriteAndTakeBackAsync(top, options);
        ImageDescription large = await DescribeAsync(top);
        await host.CompactAsync(top, new DiskCompactOptions { DropBlocksEqualToParent = true }, options, cancellationToken: cancellation);
        ImageDescription compact = await DescribeAsync(top);
        CheckReport after = await host.CheckAsync(top, request: s_qed, cancellationToken: cancellation);
        bool isSmall = after.IsClean && compact.FileLengthBytes <= large.FileLengthBytes;
        Tell(isSmall, $"compacted in place: the file had {SizeText.Human(large.FileLengthBytes)} and has {SizeText.Human(compact.FileLengthBytes)}; {after.AllocatedClusters} clusters of it hold data.");
        return good && isSmall;
    }

    private async Task WriteAndTakeBackAsync(string top, DiskOpenOptions options)
    {
        await using VirtualDisk disk = await host.OpenDiskAsync(top, options, cancellation);
        byte[] before = new byte[Math.Min(MaxTakenBackBytes, disk.LengthBytes)];
        disk.Read(0, before);
        disk.Write(0, DemoPlan.Text("changed, and changed back", before.Length));
        disk.Write(0, before);
        await disk.CloseAsync();
        teller.Say($"Changed {SizeText.Human(before.Length)} of the disk, and changed them back: the overlay now holds what lies beneath it anyway.");
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

    private ValueTask<ImageDescription> DescribeAsync(string path) => host.DescribeImageAsync(path, s_qed, cancellation);
}
