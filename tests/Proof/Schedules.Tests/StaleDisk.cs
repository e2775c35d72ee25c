using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>A disk that answers one read, the first of a sector that was written, with what the sector held before.</summary>
internal sealed class StaleDisk(IImageStorage storage) : GuestDisk
{
    private readonly Dictionary<long, byte[]> _before = [];
    private bool _isDone;

    public override async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int read = await storage.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
        buffer.Span[read..].Clear();
        for (int at = 0; at < buffer.Length && !_isDone; at += SectorHistory.SectorBytes)
        {
            if (_before.TryGetValue(offset + at, out byte[]? before))
            {
                before.CopyTo(buffer[at..]);
                _isDone = true;
            }
        }
    }

    public override async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        for (int at = 0; at < buffer.Length; at += SectorHistory.SectorBytes)
        {
            byte[] before = new byte[SectorHistory.SectorBytes];
            await storage.ReadAsync(offset + at, before, cancellationToken).ConfigureAwait(false);
            _before[offset + at] = before;
        }

        await storage.WriteAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
    }

    public override ValueTask ZeroAsync(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask DiscardAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => storage.BarrierAsync(cancellationToken);

    public override ValueTask CloseAsync() => storage.DisposeAsync();
}
