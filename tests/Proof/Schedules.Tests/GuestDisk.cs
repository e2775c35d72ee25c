namespace QedVd.Schedules.Tests;

/// <summary>What guests ask of: an image alone, or a disk.</summary>
internal abstract class GuestDisk
{
    public abstract ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken);

    public abstract ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken);

    public abstract ValueTask ZeroAsync(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken);

    public abstract ValueTask DiscardAsync(long offset, long lengthBytes, CancellationToken cancellationToken);

    public abstract ValueTask MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken);

    public abstract ValueTask FlushAsync(CancellationToken cancellationToken);

    public abstract ValueTask CloseAsync();
}
