using QedVd.Host;

namespace QedVd.Schedules.Tests;

/// <summary>A disk of the host's.</summary>
internal sealed class ChainGuestDisk(VirtualDisk disk) : GuestDisk
{
    public override ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => disk.ReadAsync(offset, buffer, cancellationToken);

    public override ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        disk.WriteAsync(offset, buffer, flags, cancellationToken);

    public override ValueTask ZeroAsync(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        disk.WriteZeroesAsync(offset, lengthBytes, flags, cancellationToken);

    public override ValueTask DiscardAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => disk.DiscardAsync(offset, lengthBytes, WriteFlags.None, cancellationToken);

    public override async ValueTask MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken) =>
        await disk.MapAsync(offset, lengthBytes, cancellationToken).ConfigureAwait(false);

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => disk.FlushAsync(cancellationToken);

    public override ValueTask CloseAsync() => disk.CloseAsync();
}
