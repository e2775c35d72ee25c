using System.Diagnostics;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Storage;

/// <summary>A qemu-io that has an image open until this is disposed.</summary>
internal sealed class QemuIo : IDisposable
{
    private readonly Process _process;

    private QemuIo(Process process) => _process = process;

    public static async Task<QemuIo> OpenAsync(string path, bool readOnly)
    {
        string[] arguments = readOnly ? ["-r", "-f", "qed", path] : ["-f", "qed", path];
        var process = Process.Start(new ProcessStartInfo(Peers.Require("qemu-io"), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await process.StandardInput.WriteLineAsync("read 0 512");
        await process.StandardInput.FlushAsync();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.Contains("read 512/512", StringComparison.Ordinal))
            {
                return new QemuIo(process);
            }
        }

        throw new InvalidOperationException(await process.StandardError.ReadToEndAsync());
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.Close();
            _process.WaitForExit();
        }

        _process.Dispose();
    }
}
