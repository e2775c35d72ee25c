namespace QedVd.Backends.Qed;

/// <summary>
/// Copies clusters inside a storage, to places that nothing refers to but that may have been used before: what is zero stays a hole where the storage can
/// make one, everything else is written whole. Nothing is durable before the next barrier. One buffer, for one user at a time.
/// </summary>
internal sealed class ClusterRelocator(IImageStorage storage, QedGeometry geometry)
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Less than this is not worth a hole.</summary>
    private const int BlockBytes = 4096;

    private const StorageFacts FactsForHoles = StorageFacts.CanPunchHoles | StorageFacts.NeverWrittenReadsZero;

    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
    private readonly bool _makesHoles = (storage.Facts & FactsForHoles) == FactsForHoles;

    /// <summary>Copies the data of clusters that get another place; what follows each other there is written as one.</summary>
    public async ValueTask CopyAsync(IReadOnlyList<EntryChange> moves, CancellationToken cancellationToken)
    {
        long clusterBytes = geometry.ClusterBytes;
        int most = (int)Math.Max(1, BufferBytes / clusterBytes);
        for (int i = 0; i < moves.Count;)
        {
            int count = 1;
            while (count < most && i + count < moves.Count && moves[i + count].After == moves[i].After + (ulong)(count * clusterBytes))
            {
                count++;
            }

            if (clusterBytes > BufferBytes)
            {
                await CopyRangeAsync((long)moves[i].Before, (long)moves[i].After, clusterBytes, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await ReadScatteredAsync(moves, i, count, cancellationToken).ConfigureAwait(false);
                await WriteAsync((long)moves[i].After, _buffer.AsMemory(0, (int)(count * clusterBytes)), cancellationToken).ConfigureAwait(false);
            }

            i += count;
        }
    }

    /// <summary>Copies a table, and takes room for all of it, so that a full volume meets this and no flush.</summary>
    public async ValueTask CopyTableAsync(long from, long to, CancellationToken cancellationToken)
    {
        if (_makesHoles)
        {
            await MakeHoleAsync(to, geometry.TableBytes, cancellationToken).ConfigureAwait(false);
            await storage.AllocateAsync(to, geometry.TableBytes, cancellationToken).ConfigureAwait(false);
        }

        for (long done = 0; done < geometry.TableBytes; done += BufferBytes)
        {
            Memory<byte> part = _buffer.AsMemory(0, (int)Math.Min(BufferBytes, geometry.TableBytes - done));
            await StorageReads.ExactlyAsync(storage, from + done, part, cancellationToken).ConfigureAwait(false);
            if (_makesHoles)
            {
                await WriteBlocksAsync(to + done, part, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await storage.WriteAsync(to + done, part, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask ReadScatteredAsync(IReadOnlyList<EntryChange> moves, int first, int count, CancellationToken cancellationToken)
    {
        int clusterBytes = (int)geometry.ClusterBytes;
        for (int i = 0; i < count;)
        {
            int run = 1;
            while (i + run < count && moves[first + i + run].Before == moves[first + i].Before + ((ulong)run * (ulong)clusterBytes))
            {
                run++;
            }

            await StorageReads.ExactlyAsync(storage, (long)moves[first + i].Before, _buffer.AsMemory(i * clusterBytes, run * clusterBytes), cancellationToken).ConfigureAwait(false);
            i += run;
        }
    }

    private async ValueTask CopyRangeAsync(long from, long to, long lengthBytes, CancellationToken cancellationToken)
    {
        for (long done = 0; done < lengthBytes; done += BufferBytes)
        {
            Memory<byte> part = _buffer.AsMemory(0, (int)Math.Min(BufferBytes, lengthBytes - done));
            await StorageReads.ExactlyAsync(storage, from + done, part, cancellationToken).ConfigureAwait(false);
            await WriteAsync(to + done, part, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask WriteAsync(long offset, Memory<byte> data, CancellationToken cancellationToken)
    {
        if (!_makesHoles || !HasZeroBlock(data.Span))
        {
            await storage.WriteAsync(offset, data, cancellationToken).ConfigureAwait(false);
            return;
        }

        await MakeHoleAsync(offset, data.Length, cancellationToken).ConfigureAwait(false);
        await WriteBlocksAsync(offset, data, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes what is not zero into what reads as zero.</summary>
    private async ValueTask WriteBlocksAsync(long offset, Memory<byte> data, CancellationToken cancellationToken)
    {
        for (int at = 0; at < data.Length;)
        {
            int start = at;
            bool isZero = IsZero(data.Span, at);
            while (at < data.Length && IsZero(data.Span, at) == isZero)
            {
                at += BlockBytes;
            }

            if (!isZero)
            {
                await storage.WriteAsync(offset + start, data[start..at], cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask MakeHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        StorageExtent extent = storage.GetExtent(offset);
        if (!extent.IsHole || extent.LengthBytes < lengthBytes)
        {
            await storage.PunchHoleAsync(offset, lengthBytes, cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool HasZeroBlock(ReadOnlySpan<byte> data)
    {
        for (int at = 0; at < data.Length; at += BlockBytes)
        {
            if (IsZero(data, at))
            {
                return true;
            }
        }

        return false;
    }

    // Clusters, and with them all buffers here, are multiples of a block.
    private static bool IsZero(ReadOnlySpan<byte> data, int at) => !data.Slice(at, BlockBytes).ContainsAnyExcept((byte)0);
}
