using QedVd.Backends.Qed;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>QED over real files, with a place to look, fail or stop before each change of any of them.</summary>
internal sealed class HookedBackend : IImageBackend
{
    private readonly QedBackend _inner = new();

    /// <summary>Called before each change: what it is, and of which file.</summary>
    public Action<string, string>? Hook { get; set; }

    /// <summary>Called before an image is opened, with its file.</summary>
    public Action<string>? BeforeOpen { get; set; }

    public BackendInfo Info => _inner.Info;

    public ProbeResult Probe(in ProbeInput input) => _inner.Probe(input);

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options)
    {
        BeforeOpen?.Invoke(storage.Name);
        return _inner.Open(new HookedStorage(storage, this), options);
    }

    public ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default)
    {
        BeforeOpen?.Invoke(storage.Name);
        return _inner.OpenAsync(new HookedStorage(storage, this), options, cancellationToken);
    }

    public void Create(IImageStorage storage, ImageCreateOptions options) => _inner.Create(storage, options);

    public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default) =>
        _inner.CreateAsync(storage, options, cancellationToken);

    public ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        _inner.CheckAsync(storage, options, progress, cancellationToken);

    private sealed class HookedStorage(IImageStorage inner, HookedBackend owner) : IImageStorage
    {
        public string Name => inner.Name;

        public StorageFacts Facts => inner.Facts;

        public StorageIdentity Identity => inner.Identity;

        public bool IsReadOnly => inner.IsReadOnly;

        public StorageFence? EarlierFence => inner.EarlierFence;

        public long GetLength() => inner.GetLength();

        public long GetAllocatedBytes() => inner.GetAllocatedBytes();

        public int Read(long offset, Span<byte> buffer) => inner.Read(offset, buffer);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(offset, buffer, cancellationToken);

        public void Write(long offset, ReadOnlySpan<byte> buffer)
        {
            Before("write");
            inner.Write(offset, buffer);
        }

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Before("write");
            return inner.WriteAsync(offset, buffer, cancellationToken);
        }

        public void SetLength(long lengthBytes)
        {
            Before("set length");
            inner.SetLength(lengthBytes);
        }

        public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
        {
            Before("set length");
            return inner.SetLengthAsync(lengthBytes, cancellationToken);
        }

        public void Barrier()
        {
            Before("barrier");
            inner.Barrier();
        }

        public ValueTask BarrierAsync(CancellationToken cancellationToken = default)
        {
            Before("barrier");
            return inner.BarrierAsync(cancellationToken);
        }

        public void PunchHole(long offset, long lengthBytes)
        {
            Before("punch");
            inner.PunchHole(offset, lengthBytes);
        }

        public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
        {
            Before("punch");
            return inner.PunchHoleAsync(offset, lengthBytes, cancellationToken);
        }

        public void Allocate(long offset, long lengthBytes)
        {
            Before("allocate");
            inner.Allocate(offset, lengthBytes);
        }

        public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
        {
            Before("allocate");
            return inner.AllocateAsync(offset, lengthBytes, cancellationToken);
        }

        public StorageExtent GetExtent(long offset) => inner.GetExtent(offset);

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private void Before(string what) => owner.Hook?.Invoke(what, Name);
    }
}
