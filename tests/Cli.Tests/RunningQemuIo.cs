using System.Diagnostics;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>A qemu-io that has an image open for writing, until it is disposed.</summary>
public sealed class RunningQemuIo : IDisposable
{
    private readonly Process _process;

    public RunningQemuIo(Cli cli, string file)
    {
        var start = new ProcessStartInfo(Peers.Require("qemu-io"), ["-f", "qed", file])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = cli.Folder,
        };
        _process = Process.Start(start)!;
        // Its answer shows that the image is open.
        _process.StandardInput.WriteLine("length");
        _process.StandardInput.Flush();
        string? answer = _process.StandardOutput.ReadLine();
        Assert.Contains("MiB", answer, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
