using System.Buffers;

namespace QedVd.Host;

/// <summary>
/// A read cache in memory, for disks over slow storage. Keeps what was read, in blocks, within a budget; what is written is forgotten and read anew.
/// </summary>
/// <remarks>
/// <para>Thread safe. A read that is answered from memory allocates nothing and does not go further down. Whatever reads and writes are under way at
/// once, nothing older than the last acknowledged write is ever answered.</para>
/// <para>Not possible over a disk whose parent is an open, writable disk: that changes unseen.</para>
/// </remarks>
public sealed class ReadCacheFilter : DiskFilter
{
    /// <summary>The size of a block unless told otherwise.</summary>
    public const int DefaultBlockBytes = 64 << 10;

    private const int MinBlockBytes = 4 << 10;
    private const int MaxBlockBytes = 1 << 20;
    private const int MaxFillBytes = 1 << 20;
    private const int MaxShards = 16;

    private readonly int _blockBytes;
    private readonly ReadCacheShard[] _shards;
    private readonly ReadCacheRequests _requests = new();
    private long _missBytes;

    /// <param name="budgetBytes">The most memory for content, at least one block.</param>
    /// <param name="blockBytes">What is read and kept at a time: a power of two from 4 KiB to 1 MiB.</param>
    public ReadCacheFilter(long budgetBytes, int blockBytes = DefaultBlockBytes)
    {
        if (blockBytes is < MinBlockBytes or > MaxBlockBytes || !int.IsPow2(blockBytes))
        {
            throw new ArgumentOutOfRangeException(nameof(blockBytes), blockBytes, $"A power of two from {MinBlockBytes} to {MaxBlockBytes} is possible.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(budgetBytes, blockBytes);
        _blockBytes = blockBytes;
        int blocks = (int)Math.Min(budgetBytes / blockBytes, int.MaxValue);
        _shards = new ReadCacheShard[Math.Min(MaxShards, blocks)];
        for (int i = 0; i < _shards.Length; i++)
        {
            _shards[i] = new ReadCacheShard((blocks / _shards.Length) + (i < blocks % _shards.Length ? 1 : 0), blockBytes);
        }
    }

    /// <inheritdoc/>
    public override FilterTraits Traits => FilterTraits.RemembersContent;

    /// <summary>Memory that holds content now, or is kept to.</summary>
    public long UsedBytes => _shards.Sum(shard => (long)shard.BufferCount) * _blockBytes;

    /// <summary>Bytes that were answered from memory.</summary>
    public long HitBytes => _shards.Sum(shard => shard.HitBytes);

    /// <summary>Bytes that had to be read beneath, whole blocks counted.</summary>
    public long MissBytes => Interlocked.Read(ref _missBytes);

    /// <inheritdoc/>
    public override unsafe void Read(DiskRequests beneath, long offset, Span<byte> buffer)
    {
        int done = CopyCached(offset, buffer);
        if (done < buffer.Length)
        {
            fixed (byte* pointer = buffer)
            {
                SyncIo.Complete(ReadMissingAsync<SyncIo>(beneath, offset + done, new IoBuffer(pointer + done, buffer.Length - done), default));
            }
        }
    }

    /// <inheritdoc/>
    public override ValueTask ReadAsync(DiskRequests beneath, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int done = CopyCached(offset, buffer.Span);
        return done == buffer.Length ? default : ReadMissingAsync<AsyncIo>(beneath, offset + done, new IoBuffer(buffer[done..]), cancellationToken);
    }

    /// <inheritdoc/>
    public override void Write(DiskRequests beneath, long offset, ReadOnlySpan<byte> buffer, WriteFlags flags)
    {
        ReadCacheRequests.Entry write = BeginChange(offset, buffer.Length);
        try
        {
            beneath.Write(offset, buffer, flags);
        }
        finally
        {
            _requests.EndChange(write);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(DiskRequests beneath, long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        ReadCacheRequests.Entry write = BeginChange(offset, buffer.Length);
        try
        {
            await beneath.WriteAsync(offset, buffer, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _requests.EndChange(write);
        }
    }

    /// <inheritdoc/>
    public override void WriteZeroes(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags)
    {
        ReadCacheRequests.Entry write = BeginChange(offset, lengthBytes);
        try
        {
            beneath.WriteZeroes(offset, lengthBytes, flags);
        }
        finally
        {
            _requests.EndChange(write);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask WriteZeroesAsync(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        ReadCacheRequests.Entry write = BeginChange(offset, lengthBytes);
        try
        {
            await beneath.WriteZeroesAsync(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _requests.EndChange(write);
        }
    }

    /// <inheritdoc/>
    public override void Discard(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags)
    {
        ReadCacheRequests.Entry write = BeginChange(offset, lengthBytes);
        try
        {
            beneath.Discard(offset, lengthBytes, flags);
        }
        finally
        {
            _requests.EndChange(write);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask DiscardAsync(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        ReadCacheRequests.Entry write = BeginChange(offset, lengthBytes);
        try
        {
            await beneath.DiscardAsync(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _requests.EndChange(write);
        }
    }

    /// <inheritdoc/>
    protected override void OnAttached() => Forget(0, long.MaxValue);

    /// <inheritdoc/>
    protected override void OnResized() => Forget(0, long.MaxValue);

    /// <inheritdoc/>
    protected override void OnReverted() => Forget(0, long.MaxValue);

    private ReadCacheShard ShardOf(long block) => _shards[(int)(block % _shards.Length)];

    /// <summary>Copies what is in memory from the start of the range on; returns how much that was.</summary>
    private int CopyCached(long offset, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            long block = (offset + done) / _blockBytes;
            int inBlock = (int)((offset + done) % _blockBytes);
            int length = Math.Min(buffer.Length - done, _blockBytes - inBlock);
            if (!ShardOf(block).TryCopy(block, inBlock, buffer.Slice(done, length)))
            {
                break;
            }

            done += length;
        }

        return done;
    }

    private async ValueTask ReadMissingAsync<TIo>(DiskRequests beneath, long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (buffer.Length > 0)
        {
            int done = CopyCached(offset, buffer.Span);
            if (done == 0)
            {
                done = await FillAsync<TIo>(beneath, offset, buffer, cancellationToken).ConfigureAwait(false);
            }

            offset += done;
            buffer = buffer.Slice(done, buffer.Length - done);
        }
    }

    /// <summary>Reads the blocks that are missing from <paramref name="offset"/> on, keeps them, and answers with them; returns how far.</summary>
    private async ValueTask<int> FillAsync<TIo>(DiskRequests beneath, long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long wantedEnd = offset + buffer.Length;
        long diskBytes = beneath.LengthBytes;
        long start = offset - (offset % _blockBytes);
        long end = start + _blockBytes;
        while (end < wantedEnd && end - start < MaxFillBytes && !ShardOf(end / _blockBytes).Contains(end / _blockBytes))
        {
            end += _blockBytes;
        }

        end = Math.Min(end, diskBytes);
        int wanted = (int)Math.Min(buffer.Length, end - offset);
        if (wanted <= 0)
        {
            // The disk has just become smaller; it says so itself.
            await beneath.ReadAsync<TIo>(offset, buffer, cancellationToken).ConfigureAwait(false);
            return buffer.Length;
        }

        // Not into the caller's buffer: what is kept must not change under the hands of a guest that writes to its memory meanwhile.
        byte[] bytes = ArrayPool<byte>.Shared.Rent((int)(end - start));
        ReadCacheRequests.Entry fill = _requests.BeginFill(start, end);
        try
        {
            Memory<byte> read = bytes.AsMemory(0, (int)(end - start));
            await beneath.ReadAsync<TIo>(start, new IoBuffer(read), cancellationToken).ConfigureAwait(false);
            Interlocked.Add(ref _missBytes, read.Length);
            read.Span.Slice((int)(offset - start), wanted).CopyTo(buffer.Span);
            _requests.EndFill(fill, keep: this, read.Span);
        }
        catch (Exception exception) when (exception is ImageException or ArgumentOutOfRangeException)
        {
            // It may be the part that nobody asked for.
            _requests.EndFill(fill, keep: null, default);
            await beneath.ReadAsync<TIo>(offset, buffer.Slice(0, wanted), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            _requests.EndFill(fill, keep: null, default);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes, clearArray: true);
        }

        return wanted;
    }

    /// <summary>Keeps whole blocks. Called while no change of them can begin.</summary>
    internal void Keep(long offset, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int length = Math.Min(bytes.Length, _blockBytes);
            long block = offset / _blockBytes;
            ShardOf(block).Put(block, bytes[..length]);
            offset += length;
            bytes = bytes[length..];
        }
    }

    private ReadCacheRequests.Entry BeginChange(long offset, long lengthBytes)
    {
        ReadCacheRequests.Entry write = _requests.BeginChange(offset, offset + lengthBytes);
        Drop(offset, offset + lengthBytes);
        return write;
    }

    private void Forget(long start, long end)
    {
        ReadCacheRequests.Entry change = _requests.BeginChange(start, end);
        Drop(start, end);
        _requests.EndChange(change);
    }

    private void Drop(long start, long end)
    {
        if (start < end)
        {
            long first = start / _blockBytes;
            long last = (end - 1) / _blockBytes;
            foreach (ReadCacheShard shard in _shards)
            {
                shard.Drop(first, last);
            }
        }
    }
}
