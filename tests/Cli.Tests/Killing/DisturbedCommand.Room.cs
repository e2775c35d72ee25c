using System.Globalization;
using QedVd.Cli.Tests.Faults;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <content>Without room for what it makes.</content>
internal sealed partial class DisturbedCommand
{
    private const int PageBytes = 4096;

    /// <summary>
    /// Runs the command undisturbed, to its end; returns how long its longest file became, about how much more room the folder took at its end, and whether it
    /// wrote to an image at all.
    /// </summary>
    public async Task<(int LongestBytes, int RoomBytes, bool Writes)> MeasureRoomAsync()
    {
        Work work = Copy("undisturbed");
        long before = BytesOf(work);
        var counts = new StorageFaults();
        await LearnAsync(work, await InProcess.RunAsync(@case.Arguments(pristine.Chain), work.Folder, counts.HostOptions));
        return ((int)work.Files.Max(file => new FileInfo(Path.Combine(work.Folder, file)).Length), (int)Math.Max(0, BytesOf(work) - before) + (4 * PageBytes), counts.CountOf(FaultKind.Write) > 0);
    }

    /// <summary>With a limit for the length of files: what goes beyond it fails with EFBIG. Returns whether the command failed.</summary>
    public async Task<bool> RunWithLimitAsync(int bytes)
    {
        // In blocks of 512 bytes, says POSIX; the signal that comes with it is ignored, or it would end the process.
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: no file beyond {bytes} bytes");
        Work work = Copy("disturbed");
        string[] line = ["-c", $"trap '' XFSZ; ulimit -f {bytes / 512}; exec \"$0\" \"$@\"", Checkout.CommandLine, .. Arguments];
        return await TellAsync(work, await ToolRun.RunAsync(Peers.Require("env"), [.. s_quiet, Peers.Require("sh"), .. line], work.Folder), what);
    }

    /// <summary>On a volume of its own that has so much room left. Returns whether the command failed.</summary>
    public async Task<bool> RunOnVolumeAsync(int bytes)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: {bytes} bytes left on the volume");
        Work work = Copy("disturbed");

        // The volume is in its place while the command runs, and is copied back: it is gone with the namespace. A file takes the room that shall not be there.
        const string Script = """
            from=$1; left=$2; shift 2
            volume=$(mktemp -d) && mount -t tmpfs -o size=24m tmpfs "$volume" && cp -a "$from/." "$volume/" && mount --bind "$volume" "$from" && cd "$from" || exit 99
            free=$(df -B1 --output=avail "$from" | tail -n 1)
            head -c $((free - left)) /dev/zero > "$volume/filler" && "$@"
            code=$?
            rm -f "$volume/filler"; cd / && umount "$from" && find "$from" -mindepth 1 -delete && cp -a "$volume/." "$from/" || exit 98
            exit $code
            """;
        ToolRun run = await ToolRun.RunAsync(
            Peers.Require("env"),
            [.. s_quiet, Peers.Require("unshare"), "-rm", Peers.Require("sh"), "-c", Script, "sh", work.Folder, bytes.ToString(CultureInfo.InvariantCulture), Checkout.CommandLine, .. Arguments],
            "/");
        Assert.True(run.ExitCode is not (98 or 99), $"{what}: {run.Error}");
        return await TellAsync(work, run, what);
    }

    private async Task<bool> TellAsync(Work work, ToolRun run, string what)
    {
        bool hasFailed = Told(run, what);
        ShouldNameAFile(run, work, what);
        if (hasFailed)
        {
            await ShouldHaveMadeNothingByHalvesAsync(work, what);
        }

        await CompleteAsync(work, hasFailed, what);
        return hasFailed;
    }

    private static long BytesOf(Work work) => work.Files.Sum(file => (new FileInfo(Path.Combine(work.Folder, file)).Length + PageBytes - 1) / PageBytes * PageBytes);
}
