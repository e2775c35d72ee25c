using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>
/// Runs a command on a folder that is an overlay for it, and for nobody else: a volume that promises nothing about what was never written, as that of a
/// container. What it does there, the folder itself holds.
/// </summary>
internal static class OverlayVolume
{
    // What the kernel keeps in its work folder is closed to everybody, also afterwards; others than root could not delete it.
    private const string Script = """mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" overlay "$2" && chmod -R u+rwx "$3" && cd "$2" && shift 3 && exec "$@" """;

    // As root, or as root of a namespace where the system lets users mount there.
    private static readonly string[] s_ways = ["-m", "-rm"];
    private static string? s_way;

    /// <summary>Skips the test where nobody may mount an overlay.</summary>
    public static async Task RequireAsync(string folderBelow, Measure counted)
    {
        Peers.Require("unshare", counted);
        if (!await IsPossibleAsync(folderBelow))
        {
            Assert.SkipUnless(Peers.InContinuousIntegration, "This system lets nobody mount an overlay in a namespace of its own (unshare -m).");
            Assert.Fail("No overlay can be mounted in a namespace (unshare -m), which is needed here.");
        }
    }

    /// <summary>Whether an overlay can be mounted; asked before the first run, and tried until one could.</summary>
    public static async Task<bool> IsPossibleAsync(string folderBelow)
    {
        if (s_way is not null)
        {
            return true;
        }

        string folder = Directory.CreateDirectory(Path.Combine(folderBelow, "tried")).FullName;
        foreach (string way in s_ways)
        {
            if (Peers.Find("unshare") is { } unshare
                && (await ToolRun.RunAsync(unshare, [.. ArgumentsFor(way, folder, "touch", ["file"])], folder)).ExitCode == 0 && File.Exists(Path.Combine(folder, "file")))
            {
                s_way = way;
                return true;
            }
        }

        return false;
    }

    /// <summary>What <c>unshare</c> has to be told.</summary>
    public static IEnumerable<string> ArgumentsFor(string folder, string program, IEnumerable<string> arguments) => ArgumentsFor(s_way!, folder, program, arguments);

    private static IEnumerable<string> ArgumentsFor(string way, string folder, string program, IEnumerable<string> arguments) =>
        [way, "sh", "-c", Script, "sh", Beside(folder, "lower"), folder, Beside(folder, "work"), program, .. arguments];

    private static string Beside(string folder, string what) => Directory.CreateDirectory($"{folder}.{what}").FullName;
}
