using System;
using System.Threading;
using System.Threading.Tasks;

namespace QedVd.TestPlugins;

/// <summary>A backend that works: the storage's bytes are the disk's. The test plugins differ from it in one thing each.</summary>
public abstract class PlainBackend(string id) : ImageBackendBase
{
    public override BackendInfo Info { get; } = new() { Id = id, DisplayName = $"Test backend {id}", Capabilities = ImageCapabilities.Write | ImageCapabilities.File, FileExtensions = [".test"] };

    public override ProbeResult Probe(in ProbeInput input) => new(ProbeConfidence.Maybe, "takes everything");

    protected override ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken) =>
        new(new PlainImage(this, storage, options.Flags));
}

/// <summary>An image of <see cref="PlainBackend"/>.</summary>
public class PlainImage(PlainBackend backend, IImageStorage storage, ImageOpenFlags flags) : DiskImageBase
{
    private readonly long _lengthBytes = storage.GetLength();

    public override BackendInfo Backend => backend.Info;

    public override string Name => storage.Name;

    public override ImageCapabilities Capabilities => backend.Info.Capabilities;

    public override ImageFlags Flags => ImageFlags.Fixed;

    public override ImageOpenFlags OpenFlags => flags;

    public override long VirtualSizeBytes => _lengthBytes;

    public override ImageLimits Limits => new(1, 1, 65536);

    public override ImageFileSize GetFileSize() => new(storage.GetLength(), storage.GetAllocatedBytes());

    protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken) =>
        new(new Extent(ExtentKind.Data, lengthBytes, offset, IsAllocated: true));

    protected override async ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        new(ExtentKind.Data, await TIo.ReadAsync(storage, offset, buffer, cancellationToken).ConfigureAwait(false));

    protected override async ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        await TIo.WriteAsync(storage, offset, buffer, cancellationToken).ConfigureAwait(false);
        return WriteResult.Done(buffer.Length);
    }

    protected override async ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        byte[] zeros = new byte[(int)Math.Min(lengthBytes, 65536)];
        await TIo.WriteAsync(storage, offset, new IoBuffer(zeros.AsMemory()), cancellationToken).ConfigureAwait(false);
        return WriteResult.Done(zeros.Length);
    }

    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) => TIo.BarrierAsync(storage, cancellationToken);

    protected override ValueTask CloseCore<TIo>()
    {
        storage.Dispose();
        return default;
    }
}
