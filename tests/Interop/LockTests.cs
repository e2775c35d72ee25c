using System.Diagnostics;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>QEMU and we keep each other out, in both directions.</summary>
public sealed class LockTests : IAsyncLifetime
{
    private readonly Workbench _bench = new();

    public async ValueTask InitializeAsync()
    {
        await _bench.CreateAsync("base.qed", 1 << 20, 65536, 4, parent: null, byQemu: true);
        await _bench.CreateAsync("top.qed", 1 << 20, 65536, 4, "base.qed", byQemu: true);
    }

    public ValueTask DisposeAsync()
    {
        _bench.Dispose();
        return default;
    }

    [Fact]
    public async Task RunningQemuWriter_KeepsUsOut_ExceptByForce()
    {
        await using (await RunningQemuIo.StartAsync(_bench, "top.qed", readOnly: false))
        {
            Refused(() => _bench.Open("top.qed"), "top.qed");
            Refused(() => _bench.Open("top.qed", readOnly: true), "top.qed");
            using VirtualDisk forced = _bench.Open("top.qed", readOnly: true, forceShare: true);
            forced.Read(0, new byte[512]);

            // Its parent is locked for reading: no writer, but readers.
            Refused(() => _bench.Open("base.qed"), "base.qed");
            _bench.Open("base.qed", readOnly: true).Dispose();
        }

        _bench.Open("top.qed").Dispose();
    }

    [Fact]
    public async Task RunningQemuReader_KeepsOurWriterOut_AndSharesWithOurReader()
    {
        await using (await RunningQemuIo.StartAsync(_bench, "top.qed", readOnly: true))
        {
            Refused(() => _bench.Open("top.qed"), "top.qed");
            _bench.Open("top.qed", readOnly: true).Dispose();
        }

        _bench.Open("top.qed").Dispose();
    }

    [Fact]
    public async Task OurWriter_KeepsQemuOut_FromTheTopAndFromWritingTheParent()
    {
        using (_bench.Open("top.qed"))
        {
            await QemuRefusedAsync("top.qed", readOnly: false);
            await QemuRefusedAsync("top.qed", readOnly: true);
            await QemuRefusedAsync("base.qed", readOnly: false);
            (await _bench.RunIoAsync("base.qed", readOnly: true, "read 0 512")).ShouldExitWith(0);
            ToolRun info = await ToolRun.RunAsync(Peers.Require("qemu-img"), ["info", "-f", "qed", _bench.PathOf("top.qed")]);
            info.ShouldExitWith(1);
            await _bench.ImgAsync("info", "-U", "-f", "qed", _bench.PathOf("top.qed"));
        }

        (await _bench.RunIoAsync("top.qed", readOnly: false, "write -P 1 0 512")).ShouldExitWith(0);
    }

    [Fact]
    public async Task OurReader_KeepsQemusWriterOut_AndSharesWithItsReader()
    {
        using (_bench.Open("top.qed", readOnly: true))
        {
            await QemuRefusedAsync("top.qed", readOnly: false);
            (await _bench.RunIoAsync("top.qed", readOnly: true, "read 0 512")).ShouldExitWith(0);
        }

        (await _bench.RunIoAsync("top.qed", readOnly: false, "write -P 1 0 512")).ShouldExitWith(0);
    }

    private static void Refused(Func<VirtualDisk> open, string file)
    {
        ImageException refusal = Assert.Throws<ImageException>(() => open().Dispose());
        Assert.Equal(ImageErrorKind.InUse, refusal.Kind);
        Assert.Contains(file, refusal.Message, StringComparison.Ordinal);
    }

    private async Task QemuRefusedAsync(string name, bool readOnly)
    {
        ToolRun run = await _bench.RunIoAsync(name, readOnly, "read 0 512");
        run.ShouldExitWith(1);
        Assert.Contains("lock", run.Error, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A qemu-io that has an image open until it is disposed.</summary>
    private sealed class RunningQemuIo : IAsyncDisposable
    {
        private readonly Process _process;

        private RunningQemuIo(Process process) => _process = process;

        public static async Task<RunningQemuIo> StartAsync(Workbench bench, string name, bool readOnly)
        {
            string[] access = readOnly ? ["-r"] : [];
            var start = new ProcessStartInfo(Peers.Require("qemu-io"), [.. access, "-f", "qed", bench.PathOf(name)])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = bench.Folder,
            };
            Process process = Process.Start(start) ?? throw new InvalidOperationException("qemu-io did not start.");
            var running = new RunningQemuIo(process);

            // It answers only once the image is open.
            await process.StandardInput.WriteLineAsync("length");
            await process.StandardInput.FlushAsync();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            string? line = await process.StandardOutput.ReadLineAsync(limit.Token);
            Assert.Contains("1 MiB", line ?? await process.StandardError.ReadToEndAsync(limit.Token), StringComparison.Ordinal);
            return running;
        }

        public async ValueTask DisposeAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            try
            {
                await _process.StandardInput.WriteLineAsync("quit");
                _process.StandardInput.Close();
                await _process.WaitForExitAsync(limit.Token);
            }
            finally
            {
                if (!_process.HasExited)
                {
                    _process.Kill();
                }

                _process.Dispose();
            }
        }
    }
}
