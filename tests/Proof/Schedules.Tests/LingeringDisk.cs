using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>A disk that lets go of its requests of one kind when they are cancelled, while its storage goes on with them.</summary>
internal sealed class LingeringDisk(IImageStorage storage, RequestKind lingering, bool copiesBuffer = false) : GuestDisk
{
    public override async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int read = await storage.ReadAsync(offset, buffer, default).AsTask().WaitAsync(lingering == RequestKind.Read ? cancellationToken : default).ConfigureAwait(false);
        buffer.Span[read..].Clear();
    }

    public override async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        await WriteSectorsAsync(offset, copiesBuffer ? buffer.ToArray() : buffer).WaitAsync(lingering == RequestKind.Write ? cancellationToken : default).ConfigureAwait(false);

    public override ValueTask ZeroAsync(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask DiscardAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => storage.BarrierAsync(cancellationToken);

    public override ValueTask CloseAsync() => storage.DisposeAsync();

    private async Task WriteSectorsAsync(long offset, ReadOnlyMemory<byte> buffer)
    {
        for (int at = 0; at < buffer.Length; at += SectorHistory.SectorBytes)
        {
            await storage.WriteAsync(offset + at, buffer.Slice(at, SectorHistory.SectorBytes)).ConfigureAwait(false);
        }
    }
}
