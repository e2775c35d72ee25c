using BenchmarkDotNet.Attributes;
using QedVd.Backends.Qed;
using QedVd.Host;

namespace QedVd.Bench.Micro;

/// <summary>A chain of 64 overlays, opened and closed in a process that has done so before.</summary>
[MemoryDiagnoser]
public class ChainBenchmarks
{
    private const int Depth = 64;

    private readonly string _folder = Directory.CreateTempSubdirectory("qedvd-chain-").FullName;
    private readonly DiskHost _host = new(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>());
    private string _top = "";

    [GlobalSetup]
    public void Make()
    {
        _top = Path.Combine(_folder, "0.qed");
        MakeChainAsync().GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void Clean()
    {
        _host.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark]
    public void OpenChainOf64()
    {
        using VirtualDisk disk = _host.OpenDisk(_top, new DiskOpenOptions { ReadOnly = true });
    }

    [Benchmark]
    public void OpenChainOf64ForWriting()
    {
        using VirtualDisk disk = _host.OpenDisk(_top);
    }

    private async Task MakeChainAsync()
    {
        await _host.CreateImageAsync(_top, "qed", new CreateDiskOptions { VirtualSizeBytes = 1L << 30 });
        for (int i = 1; i < Depth; i++)
        {
            string overlay = Path.Combine(_folder, $"{i}.qed");
            await _host.CreateOverlayAsync(_top, overlay);
            _top = overlay;
        }
    }
}
