using QedVd.Backends.Qed;
using QedVd.Backends.Raw;

namespace QedVd.Host.Tests.Operations;

/// <summary>A real backend whose storages fail at the n-th operation that changes or reads something, counted over all of them.</summary>
internal sealed class FaultyBackend(IImageBackend inner, FaultCounter counter) : IImageBackend
{
    public BackendInfo Info => inner.Info;

    public static DiskHost MakeHost(FaultCounter counter)
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(new FaultyBackend(new QedBackend(), counter));
        options.Backends.Add(new FaultyBackend(new RawBackend(), counter));
        return new DiskHost(options);
    }

    public ProbeResult Probe(in ProbeInput input) => inner.Probe(input);

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => inner.Open(new FaultyStorage(storage, counter), options);

    public ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default) =>
        inner.OpenAsync(new FaultyStorage(storage, counter), options, cancellationToken);

    public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default) =>
        inner.CreateAsync(new FaultyStorage(storage, counter), options, cancellationToken);

    public ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        inner.CheckAsync(storage, options, progress, cancellationToken);

    public ImageMeter CreateMeter(ImageCreateOptions options) => inner.CreateMeter(options);

    private sealed class FaultyStorage(IImageStorage storage, FaultCounter counter) : IImageStorage
    {
        public string Name => storage.Name;

        public StorageFacts Facts => storage.Facts;

        public StorageIdentity Identity => storage.Identity;

        public bool IsReadOnly => storage.IsReadOnly;

        public long GetLength() => storage.GetLength();

        public long GetAllocatedBytes() => storage.GetAllocatedBytes();

        public int Read(long offset, Span<byte> buffer)
        {
            counter.Strike(Name, isRead: true);
            return storage.Read(offset, buffer);
        }

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            counter.Strike(Name, isRead: true);
            return storage.ReadAsync(offset, buffer, cancellationToken);
        }

        public void Write(long offset, ReadOnlySpan<byte> buffer)
        {
            counter.Strike(Name, isRead: false);
            storage.Write(offset, buffer);
        }

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            counter.Strike(Name, isRead: false);
            return storage.WriteAsync(offset, buffer, cancellationToken);
        }

        public void SetLength(long lengthBytes)
        {
            counter.Strike(Name, isRead: false);
            storage.SetLength(lengthBytes);
        }

        public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
        {
            counter.Strike(Name, isRead: false);
            return storage.SetLengthAsync(lengthBytes, cancellationToken);
        }

        public void Barrier()
        {
            counter.Strike(Name, isRead: false);
            storage.Barrier();
        }

        public ValueTask BarrierAsync(CancellationToken cancellationToken = default)
        {
            counter.Strike(Name, isRead: false);
            return storage.BarrierAsync(cancellationToken);
        }

        public void PunchHole(long offset, long lengthBytes)
        {
            counter.Strike(Name, isRead: false);
            storage.PunchHole(offset, lengthBytes);
        }

        public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
        {
            counter.Strike(Name, isRead: false);
            return storage.PunchHoleAsync(offset, lengthBytes, cancellationToken);
        }

        public StorageExtent GetExtent(long offset) => storage.GetExtent(offset);

        public void Dispose() => storage.Dispose();

        public ValueTask DisposeAsync() => storage.DisposeAsync();
    }
}
