using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <content>Mapping of long ranges.</content>
public sealed partial class VirtualDisk
{
    private const int RunsPerBatch = 1024;

    /// <summary>The runs of the range in order, neighbours of one kind in one piece of storage merged.</summary>
    /// <remarks>Each run was true at some instant during the enumeration; on a disk that is being written, not all at the same. Memory does not grow with the disk.</remarks>
    public async IAsyncEnumerable<DiskExtent> MapAllAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (ReadOnlyMemory<DiskExtent> batch in MapBatchesAsync(offset, lengthBytes, cancellationToken).ConfigureAwait(false))
        {
            for (int i = 0; i < batch.Length; i++)
            {
                yield return batch.Span[i];
            }
        }
    }

    /// <summary>
    /// As <see cref="MapAllAsync"/>, many runs at a time: for those who go through millions of them. A batch is good until the next one is asked for.
    /// </summary>
    public async IAsyncEnumerable<ReadOnlyMemory<DiskExtent>> MapBatchesAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        CheckRange(_generation, offset, lengthBytes);
        long end = offset + lengthBytes;
        var runs = new DiskExtent[RunsPerBatch];
        int count = 0;
        ChainMapWalk? walk = null;
        while (offset < end)
        {
            Generation generation = EnterReader();
            try
            {
                if (walk?.Generation != generation)
                {
                    CheckRange(generation, offset, end - offset);
                    walk = new ChainMapWalk(generation, offset, end);
                }

                int filled = await walk.FillAsync(runs.AsMemory(count), cancellationToken).ConfigureAwait(false);
                _filters?.Above(runs.AsSpan(count, filled));
                count += filled;
                offset = walk.OffsetBytes;
            }
            finally
            {
                generation.Readers.Exit();
            }

            count = MergeFirst(runs, count);
            if (count < 2 || offset == end)
            {
                continue;
            }

            // The last one may go on in the next batch.
            yield return runs.AsMemory(0, count - 1);
            runs[0] = runs[count - 1];
            count = 1;
        }

        if (count > 0)
        {
            yield return runs.AsMemory(0, count);
        }
    }

    /// <summary>The first run was held back from the batch before, and the second one may continue it.</summary>
    private static int MergeFirst(DiskExtent[] runs, int count)
    {
        if (count < 2 || !ChainMapWalk.IsContinued(runs[0], runs[1]))
        {
            return count;
        }

        runs[1] = runs[0] with { LengthBytes = runs[0].LengthBytes + runs[1].LengthBytes };
        Array.Copy(runs, 1, runs, 0, count - 1);
        return count - 1;
    }
}
