namespace QedVd.Schedules.Tests;

/// <summary>A disk that reads and writes whole blocks of its storage; a write of a part reads the rest first. Right only with its lock.</summary>
internal sealed class BlockwiseDisk(IImageStorage storage, bool takesLock) : GuestDisk
{
    public const int BlockBytes = 4096;

    private readonly SemaphoreSlim _lock = new(1, 1);

    public override async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int read = await storage.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
        buffer.Span[read..].Clear();
    }

    public override async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        while (buffer.Length > 0)
        {
            int inBlock = (int)(offset % BlockBytes);
            int part = Math.Min(buffer.Length, BlockBytes - inBlock);
            if (takesLock)
            {
                await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
            }

            byte[] block = new byte[BlockBytes];
            await storage.ReadAsync(offset - inBlock, block, cancellationToken).ConfigureAwait(false);
            buffer.Span[..part].CopyTo(block.AsSpan(inBlock));
            await storage.WriteAsync(offset - inBlock, block, cancellationToken).ConfigureAwait(false);
            if (takesLock)
            {
                _lock.Release();
            }

            offset += part;
            buffer = buffer[part..];
        }
    }

    public override ValueTask ZeroAsync(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask DiscardAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => storage.BarrierAsync(cancellationToken);

    public override ValueTask CloseAsync() => storage.DisposeAsync();
}
