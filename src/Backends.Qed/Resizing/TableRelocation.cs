using System.Buffers.Binary;

namespace QedVd.Backends.Qed;

/// <summary>
/// Copies the tables of a disk into larger ones, which nothing names yet: each new L2 table is some old ones, one behind the other. The copies of what
/// is changed meanwhile are made again. Nothing behind the end of the disk is copied.
/// </summary>
internal sealed class TableRelocation(
    IImageStorage storage,
    QedHeader before,
    QedHeader after,
    SliceProof proof,
    Func<CancellationToken, ValueTask<long>> makeTable,
    ResizeProgress progress)
{
    private readonly StoredEntries _l1 = new(storage);
    private readonly StoredEntries _newL1 = new(storage);
    private readonly StoredEntries _l2 = new(storage);
    private readonly ulong[] _slice = new ulong[TablePage.EntryCount];
    private readonly long _endCluster = before.Geometry.ClustersFor(before.VirtualSizeBytes);
    private readonly int _shift = after.Geometry.EntryBits - before.Geometry.EntryBits;

    /// <summary>Copies every table.</summary>
    public async ValueTask CopyAllAsync(CancellationToken cancellationToken)
    {
        int end = before.Geometry.L1EntriesFor(before.VirtualSizeBytes);
        progress.Add(end * (long)QedGeometry.EntryBytes);
        for (long first = 0; await _l1.ReadAsync(before.L1TableOffset, first, end, cancellationToken).ConfigureAwait(false); first = _l1.First + _l1.Count)
        {
            for (int i = 0; i < _l1.Count; i++)
            {
                await CopyAsync((int)_l1.First + i, _l1[i], cancellationToken).ConfigureAwait(false);
            }

            progress.Advance(_l1.Count * QedGeometry.EntryBytes, "copying tables");
        }
    }

    /// <summary>Copies some tables once more.</summary>
    public async ValueTask CopyAsync(IEnumerable<int> l1Indices, CancellationToken cancellationToken)
    {
        foreach (int index in l1Indices)
        {
            await CopyAsync(index, await _l1.GetAsync(before.L1TableOffset, index, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The new table of an L1 entry of the new L1; made when there is none.</summary>
    public async ValueTask<long> GetOrMakeTableAsync(int newIndex, CancellationToken cancellationToken)
    {
        ulong table = await _newL1.GetAsync(after.L1TableOffset, newIndex, cancellationToken).ConfigureAwait(false);
        if (table == QedEntry.Unallocated)
        {
            table = (ulong)await makeTable(cancellationToken).ConfigureAwait(false);
            await _newL1.WriteAsync(after.L1TableOffset, newIndex, 1, table, 0, cancellationToken).ConfigureAwait(false);
        }

        return (long)table;
    }

    private async ValueTask CopyAsync(int index, ulong table, CancellationToken cancellationToken)
    {
        if (table == QedEntry.Unallocated)
        {
            return;
        }

        _slice[0] = BitConverter.IsLittleEndian ? table : BinaryPrimitives.ReverseEndianness(table);
        proof.Prove(SliceKey.ForL1(index), _slice.AsSpan(0, 1), index & SliceKey.EntryMask);
        if (_slice[0] == SliceEntry.Invalid)
        {
            throw Damaged($"L1 entry {index} is {table}: {proof.Describe(SliceKey.ForL1(index), table)}");
        }

        QedGeometry geometry = before.Geometry;
        long firstCluster = (long)index << geometry.EntryBits;
        long end = Math.Min(geometry.EntriesPerTable, _endCluster - firstCluster);
        long target = 0;
        progress.Add(geometry.TableBytes);
        for (long first = 0; await _l2.ReadAsync((long)table, first, end, cancellationToken).ConfigureAwait(false); first = _l2.First + _l2.Count)
        {
            for (int i = 0; i < _l2.Count; i += TablePage.EntryCount)
            {
                int count = Math.Min(TablePage.EntryCount, _l2.Count - i);
                if (!Prove(firstCluster + _l2.First + i, i, count))
                {
                    continue;
                }

                target = target != 0
                    ? target
                    : await GetOrMakeTableAsync(index >> _shift, cancellationToken).ConfigureAwait(false) + ((index & ((1 << _shift) - 1)) * geometry.TableBytes);
                await storage.WriteAsync(target + ((_l2.First + i) * QedGeometry.EntryBytes), _l2.Bytes(i, count), cancellationToken).ConfigureAwait(false);
            }
        }

        progress.Advance(geometry.TableBytes, "copying tables");
    }

    /// <summary>Whether a slice holds anything. Fails on an entry that may not stand: in a file that grows, it would come to name something.</summary>
    private bool Prove(long cluster, int start, int count)
    {
        ulong any = 0;
        for (int i = 0; i < count; i++)
        {
            any |= _slice[i] = _l2[start + i];
        }

        if (any == QedEntry.Unallocated)
        {
            return false;
        }

        Span<ulong> entries = _slice.AsSpan(0, count);
        if (!BitConverter.IsLittleEndian)
        {
            BinaryPrimitives.ReverseEndianness(entries, entries);
        }

        proof.Prove(SliceKey.ForCluster(cluster), entries, 0);
        int invalid = entries.IndexOf(SliceEntry.Invalid);
        return invalid < 0
            ? true
            : throw Damaged($"the L2 entry of disk cluster {cluster + invalid} is {_l2[start + invalid]}: {proof.Describe(SliceKey.ForCluster(cluster), _l2[start + invalid])}");
    }

    private ImageException Damaged(string what) => new(
        ImageErrorKind.Corrupt,
        $"{storage.Name}: not resized: larger tables are needed, and damaged ones cannot be copied: {what}. To repair: qedvd check -r all {storage.Name}",
        storage.Name,
        "resize");
}
