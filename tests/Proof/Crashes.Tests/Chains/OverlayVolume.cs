using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>
/// Runs a command on a folder that is an overlay for it, and for nobody else: a volume that promises nothing about what was never written, as that of a
/// container. What it does there, the folder itself holds.
/// </summary>
internal static class OverlayVolume
{
    private const string Script = """mount -t overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" overlay "$2" && cd "$2" && shift 3 && exec "$@" """;

    // As root, or as root of a namespace where the system lets users mount there.
    private static readonly string[] s_ways = ["-m", "-rm"];
    private static string? s_way;

    /// <summary>Skips the test where nobody may mount an overlay.</summary>
    public static async Task RequireAsync(string folderBelow, Measure counted)
    {
        string unshare = Peers.Require("unshare", counted);
        string folder = Directory.CreateDirectory(Path.Combine(folderBelow, "tried")).FullName;
        foreach (string way in s_ways)
        {
            s_way = way;
            if ((await ToolRun.RunAsync(unshare, [.. ArgumentsFor(folder, "touch", ["file"])], folder)).ExitCode == 0 && File.Exists(Path.Combine(folder, "file")))
            {
                return;
            }
        }

        Assert.SkipUnless(Peers.InContinuousIntegration, "This system lets nobody mount an overlay in a namespace of its own (unshare -m).");
        Assert.Fail("No overlay can be mounted in a namespace (unshare -m), which is needed here.");
    }

    /// <summary>What <c>unshare</c> has to be told.</summary>
    public static IEnumerable<string> ArgumentsFor(string folder, string program, IEnumerable<string> arguments) =>
        [s_way!, "sh", "-c", Script, "sh", Beside(folder, "lower"), folder, Beside(folder, "work"), program, .. arguments];

    private static string Beside(string folder, string what) => Directory.CreateDirectory($"{folder}.{what}").FullName;
}
