using BenchmarkDotNet.Attributes;
using QedVd.Backends.Qed;
using QedVd.Host;

namespace QedVd.Bench.Micro;

/// <summary>Single operations on one QED image in a file, beside the bare storage: what the format costs.</summary>
[MemoryDiagnoser]
public class ImageBenchmarks
{
    private const long DiskBytes = 256L << 20;
    private const int RequestBytes = 4096;

    private readonly byte[] _buffer = new byte[RequestBytes];
    private string _path = "";
    private FileStorage _storage = null!;
    private IDiskImage _image = null!;
    private long _offset;

    [GlobalSetup]
    public void Setup()
    {
        _path = Path.Combine(Path.GetTempPath(), $"qedvd-bench-{Environment.ProcessId}.qed");
        QedBackend backend = new();
        using (PendingFile file = PendingFile.Create(_path, new PendingFileOptions { Overwrite = true }))
        {
            backend.Create(file.Storage, new ImageCreateOptions { VirtualSizeBytes = DiskBytes });
            file.Publish();
        }

        _storage = FileStorage.Open(_path);
        _image = backend.Open(_storage, new ImageOpenOptions());
        byte[] block = new byte[1 << 20];
        Random.Shared.NextBytes(block);
        for (long at = 0; at < DiskBytes;)
        {
            at += _image.Write(at, block).LengthBytes;
        }

        _image.Flush();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _image.Close();
        File.Delete(_path);
    }

    [Benchmark(Baseline = true)]
    public int StorageRead() => _storage.Read((1L << 20) + NextOffset() % (DiskBytes - (2 << 20)), _buffer);

    [Benchmark]
    public int Read() => _image.Read(NextOffset(), _buffer).Length;

    [Benchmark]
    public async ValueTask<int> ReadAsync() => (await _image.ReadAsync(NextOffset(), _buffer).ConfigureAwait(false)).Length;

    [Benchmark]
    public long WriteInPlace() => _image.Write(NextOffset(), _buffer).LengthBytes;

    [Benchmark]
    public bool TryMap() => _image.TryMap(NextOffset(), RequestBytes, out _);

    // The golden ratio of the number of requests that fit: an order that no read-ahead foresees.
    private long NextOffset() => _offset = (_offset + (40503L * RequestBytes)) % DiskBytes;
}
