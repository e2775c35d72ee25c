using BenchmarkDotNet.Attributes;
using QedVd.Backends.Qed;
using QedVd.Host;

namespace QedVd.Bench.Micro;

/// <summary>Zeroing and discarding 1 GiB that is allocated, and that is free over something: what it costs by the extents, because no data is written.</summary>
[MemoryDiagnoser]
[SimpleJob(launchCount: 1, warmupCount: 1, iterationCount: 5, invocationCount: 1)]
public class ZeroBenchmarks
{
    private const long DiskBytes = 1L << 30;

    private readonly QedBackend _backend = new();
    private readonly byte[] _block = new byte[1 << 20];
    private string _path = "";
    private IDiskImage _image = null!;

    /// <summary>Whether all of the disk is allocated before.</summary>
    [Params(true, false)]
    public bool IsAllocated { get; set; }

    [IterationSetup]
    public void Setup()
    {
        _path = Path.Combine(Path.GetTempPath(), $"qedvd-bench-zero-{Environment.ProcessId}.qed");
        using (PendingFile file = PendingFile.Create(_path, new PendingFileOptions { Overwrite = true }))
        {
            _backend.Create(file.Storage, new ImageCreateOptions { VirtualSizeBytes = DiskBytes, Parent = new ParentReference("beneath.raw", ParentReference.Raw) });
            file.Publish();
        }

        _image = _backend.Open(FileStorage.Open(_path), new ImageOpenOptions());
        Random.Shared.NextBytes(_block);
        for (long at = 0; IsAllocated && at < DiskBytes;)
        {
            at += _image.Write(at, _block).LengthBytes;
        }

        _image.Flush();
    }

    [IterationCleanup]
    public void Cleanup()
    {
        _image.Close();
        File.Delete(_path);
    }

    [Benchmark]
    public long WriteZeroes() => _image.WriteZeroes(0, DiskBytes).LengthBytes;

    [Benchmark]
    public long Discard() => _image.Discard(0, DiskBytes).LengthBytes;
}
