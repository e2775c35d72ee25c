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
    public void Copy(IReadOnlyList<EntryChange> moves, CancellationToken cancellationToken)
    {
        long clusterBytes = geometry.ClusterBytes;
        int most = (int)Math.Max(1, BufferBytes / clusterBytes);
        for (int i = 0; i < moves.Count;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = 1;
            while (count < most && i + count < moves.Count && moves[i + count].After == moves[i].After + (ulong)(count * clusterBytes))
            {
                count++;
            }

            if (clusterBytes > BufferBytes)
            {
                CopyRange((long)moves[i].Before, (long)moves[i].After, clusterBytes);
            }
            else
            {
                ReadScattered(moves, i, count);
                Write((long)moves[i].After, _buffer.AsSpan(0, (int)(count * clusterBytes)));
            }

            i += count;
        }
    }

    /// <summary>Copies a table, and takes room for all of it, so that a full volume meets this and no flush.</summary>
    public void CopyTable(long from, long to, CancellationToken cancellationToken)
    {
        if (_makesHoles)
        {
            MakeHole(to, geometry.TableBytes);
            storage.Allocate(to, geometry.TableBytes);
        }

        for (long done = 0; done < geometry.TableBytes; done += BufferBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Span<byte> part = _buffer.AsSpan(0, (int)Math.Min(BufferBytes, geometry.TableBytes - done));
            StorageReads.Exactly(storage, from + done, part);
            if (_makesHoles)
            {
                WriteBlocks(to + done, part);
            }
            else
            {
                storage.Write(to + done, part);
            }
        }
    }

    private void ReadScattered(IReadOnlyList<EntryChange> moves, int first, int count)
    {
        int clusterBytes = (int)geometry.ClusterBytes;
        for (int i = 0; i < count;)
        {
            int run = 1;
            while (i + run < count && moves[first + i + run].Before == moves[first + i].Before + ((ulong)run * (ulong)clusterBytes))
            {
                run++;
            }

            StorageReads.Exactly(storage, (long)moves[first + i].Before, _buffer.AsSpan(i * clusterBytes, run * clusterBytes));
            i += run;
        }
    }

    private void CopyRange(long from, long to, long lengthBytes)
    {
        for (long done = 0; done < lengthBytes; done += BufferBytes)
        {
            Span<byte> part = _buffer.AsSpan(0, (int)Math.Min(BufferBytes, lengthBytes - done));
            StorageReads.Exactly(storage, from + done, part);
            Write(to + done, part);
        }
    }

    private void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (!_makesHoles || !HasZeroBlock(data))
        {
            storage.Write(offset, data);
            return;
        }

        MakeHole(offset, data.Length);
        WriteBlocks(offset, data);
    }

    /// <summary>Writes what is not zero into what reads as zero.</summary>
    private void WriteBlocks(long offset, ReadOnlySpan<byte> data)
    {
        for (int at = 0; at < data.Length;)
        {
            int start = at;
            bool isZero = IsZero(data, at);
            while (at < data.Length && IsZero(data, at) == isZero)
            {
                at += BlockBytes;
            }

            if (!isZero)
            {
                storage.Write(offset + start, data[start..at]);
            }
        }
    }

    private void MakeHole(long offset, long lengthBytes)
    {
        StorageExtent extent = storage.GetExtent(offset);
        if (!extent.IsHole || extent.LengthBytes < lengthBytes)
        {
            storage.PunchHole(offset, lengthBytes);
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
