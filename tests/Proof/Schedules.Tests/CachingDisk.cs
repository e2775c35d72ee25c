using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>A disk that remembers the sectors that it has read; a write forgets them before it writes. A read that began earlier remembers the old ones.</summary>
internal sealed class CachingDisk(IImageStorage storage) : GuestDisk
{
    private readonly Dictionary<long, byte[]> _known = [];

    public override async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        for (int at = 0; at < buffer.Length; at += SectorHistory.SectorBytes)
        {
            if (!_known.TryGetValue(offset + at, out byte[]? sector))
            {
                sector = new byte[SectorHistory.SectorBytes];
                await storage.ReadAsync(offset + at, sector, cancellationToken).ConfigureAwait(false);
                _known[offset + at] = sector;
            }

            sector.CopyTo(buffer[at..]);
        }
    }

    public override ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        for (int at = 0; at < buffer.Length; at += SectorHistory.SectorBytes)
        {
            _known.Remove(offset + at);
        }

        return storage.WriteAsync(offset, buffer, cancellationToken);
    }

    public override ValueTask ZeroAsync(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask DiscardAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => storage.BarrierAsync(cancellationToken);

    public override ValueTask CloseAsync() => storage.DisposeAsync();
}
