using QedVd.TestKit;

namespace QedVd.Host.Tests.Storage;

/// <summary>A volume that is full, and a file that may not grow: the write fails, nothing is fenced, and with room it goes on.</summary>
public sealed class FullDiskTests : IDisposable
{
    // The runtime keeps its code in a file of memory unless told not to, and the limit would hold for that, too.
    private const string Limited = "trap '' XFSZ; ulimit -f 4096; DOTNET_EnableWriteXorExecute=0 exec \"$0\"";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Write_OnAFullVolume_IsOutOfSpace_AndRetryable()
    {
        // A small volume of its own, in a namespace where that needs no rights; where namespaces are forbidden, a limit on the file's size.
        string shell = Peers.Require("sh");
        bool own = (await ToolRun.RunAsync(Peers.Require("unshare"), ["-rm", "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", _folder.FullName])).ExitCode == 0;
        string[] lines = own
            ? await StorageHelper.RunAsync("fill", _folder["file"], Peers.Require("unshare"), "-rm", shell, "-c", $"mount -t tmpfs -o size=256k tmpfs '{_folder.FullName}' && exec \"$0\"")
            : await StorageHelper.RunAsync("fill", _folder["file"], shell, "-c", Limited);

        Assert.StartsWith("OutOfSpace ", lines[0], StringComparison.Ordinal);
        Assert.Contains(_folder["file"], lines[0], StringComparison.Ordinal);
        Assert.Contains(" at offset ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("OutOfSpace ", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("OutOfSpace ", lines[2], StringComparison.Ordinal);
        Assert.Equal(["ok", "ok"], lines[3..]);
    }

    [Fact]
    public async Task Write_BeyondTheProcessLimit_IsOutOfSpace()
    {
        string[] lines = await StorageHelper.RunAsync("fill", _folder["file"], Peers.Require("sh"), "-c", Limited);

        Assert.StartsWith("OutOfSpace ", lines[0], StringComparison.Ordinal);
        Assert.Contains("limit", lines[0], StringComparison.Ordinal);
        Assert.Equal(["ok", "ok"], lines[3..]);
    }
}
