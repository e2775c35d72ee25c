using QedVd.ChainKit;
using QedVd.Host.Tests.Storage;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

public sealed class FullVolumeTests : IDisposable
{
    private const string Search = "full-volume";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Long", Search)]
    public async Task Operation_OnAVolumeThatIsFullAnywhere_KeepsWhatTheGuestReads_AndCompletesWithRoom()
    {
        // A small volume of its own, in a namespace where that needs no rights.
        string mount = $"mount -t tmpfs -o size=12m tmpfs '{_folder.FullName}'";
        if ((await ToolRun.RunAsync(Peers.Require("unshare"), ["-rm", "sh", "-c", mount])).ExitCode != 0)
        {
            Assert.Skip("This system lets nobody mount a volume in a namespace of its own (unshare -rm).");
        }

        long seed = LongRun.Seed();
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero);
        do
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
            string[] lines = await StorageHelper.RunAsync("full-chain", _folder.FullName, "env", $"QEDVD_SEED={seed}", Peers.Require("unshare"), "-rm", "sh", "-c", $"{mount} && exec \"$0\"");
            foreach (string line in lines)
            {
                TestContext.Current.TestOutputHelper?.WriteLine(line);
            }

            Assert.Equal(FullVolume.Operations, lines.Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)]));
            seed++;
        }
        while (DateTime.UtcNow < end);
    }
}
