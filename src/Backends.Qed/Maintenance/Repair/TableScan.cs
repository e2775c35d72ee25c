namespace QedVd.Backends.Qed;

/// <summary>Streams tables to a visitor, with progress. Two buffers, however many and large the tables are.</summary>
internal sealed class TableScan(IImageStorage storage, QedHeader header, IProgress<OperationProgress>? progress)
{
    private readonly TableReader _l1 = new(storage, header.Geometry);
    private readonly TableReader _l2 = new(storage, header.Geometry);

    /// <summary>Streams L1. Failed reads go to the visitor.</summary>
    public ValueTask VisitL1Async<TIo>(ITableVisitor visitor, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => VisitTableAsync<TIo>(_l1, -1, header.L1TableOffset, visitor, cancellationToken);

    /// <summary>Streams the L2 tables that L1 entries name, in the order of L1, as far as they are wanted.</summary>
    /// <param name="isWanted">Asked with the index and the value of each L1 entry that is not 0; never for one that cannot name a table.</param>
    /// <param name="visitor">Takes them.</param>
    /// <param name="phase">What is being done, for people.</param>
    /// <param name="cancellationToken">Stops between reads.</param>
    public async ValueTask VisitL2Async<TIo>(Func<int, ulong, bool> isWanted, ITableVisitor visitor, string phase, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        _l1.Rewind();
        while (await _l1.NextAsync<TIo>(header.L1TableOffset, cancellationToken).ConfigureAwait(false))
        {
            for (int i = 0; i < _l1.Entries.Length; i++)
            {
                ulong value = _l1.Entries[i];
                int index = _l1.FirstIndex + i;
                if (value == QedEntry.Unallocated || !isWanted(index, value))
                {
                    continue;
                }

                await VisitTableAsync<TIo>(_l2, index, (long)value, visitor, cancellationToken).ConfigureAwait(false);
            }

            progress?.Report(new OperationProgress((long)_l1.NextIndex * QedGeometry.EntryBytes, header.Geometry.TableBytes, phase));
        }
    }

    private static async ValueTask VisitTableAsync<TIo>(TableReader reader, int l1Index, long tableOffset, ITableVisitor visitor, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        reader.Rewind();
        visitor.Start(l1Index, tableOffset);
        while (true)
        {
            try
            {
                if (!await reader.NextAsync<TIo>(tableOffset, cancellationToken).ConfigureAwait(false))
                {
                    break;
                }
            }
            catch (ImageException exception)
            {
                visitor.Fail(exception);
                continue;
            }

            visitor.Visit(reader.Entries, reader.FirstIndex);
            await visitor.SettleAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }

        visitor.End();
        await visitor.SettleAsync<TIo>(cancellationToken).ConfigureAwait(false);
    }
}
