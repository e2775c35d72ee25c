namespace QedVd.Backends.Qed;

/// <summary>Streams tables to a visitor, with progress: <see cref="MetadataWalk"/> for those who go through them several times.</summary>
internal sealed class TableScan(IImageStorage storage, QedHeader header, IProgress<OperationProgress>? progress)
{
    private readonly MetadataWalk _walk = new(storage, header);

    // As many as a batch of copies takes, so that what is done is carried out while a table is gone through.
    private readonly int _entriesAtOnce = (int)Math.Max(1, RepairBatch.MostBytes >> header.Geometry.ClusterBits);

    /// <summary>Streams L1. Failed reads go to the visitor.</summary>
    public ValueTask VisitL1Async<TIo>(ITableVisitor visitor, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        _walk.OpenTable(header.L1TableOffset);
        return VisitTableAsync<TIo>(-1, visitor, cancellationToken);
    }

    /// <summary>Streams the L2 tables that L1 entries name, in the order of L1, as far as they are wanted.</summary>
    /// <param name="isWanted">Asked with the index and the value of each L1 entry that is not 0; never for one that cannot name a table.</param>
    /// <param name="visitor">Takes them.</param>
    /// <param name="phase">What is being done, for people.</param>
    /// <param name="cancellationToken">Stops between reads.</param>
    public async ValueTask VisitL2Async<TIo>(Func<int, ulong, bool> isWanted, ITableVisitor visitor, string phase, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        _walk.Rewind();
        while (await _walk.NextTableAsync<TIo>(cancellationToken).ConfigureAwait(false))
        {
            if (isWanted(_walk.L1Index, _walk.L1Value))
            {
                await VisitTableAsync<TIo>(_walk.L1Index, visitor, cancellationToken).ConfigureAwait(false);
                progress?.Report(new OperationProgress((_walk.L1Index + 1L) * QedGeometry.EntryBytes, header.Geometry.TableBytes, phase));
            }
        }
    }

    private async ValueTask VisitTableAsync<TIo>(int l1Index, ITableVisitor visitor, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        visitor.Start(l1Index, _walk.TableOffset);
        while (true)
        {
            try
            {
                if (!await _walk.NextEntriesAsync<TIo>(cancellationToken).ConfigureAwait(false))
                {
                    break;
                }
            }
            catch (ImageException exception)
            {
                visitor.Fail(exception);
                continue;
            }

            for (int done = 0; done < _walk.Entries.Length;)
            {
                int count = Math.Min(_entriesAtOnce, _walk.Entries.Length - done);
                visitor.Visit(_walk.Entries.Slice(done, count), _walk.FirstIndex + done);
                await visitor.SettleAsync<TIo>(cancellationToken).ConfigureAwait(false);
                done += count;
            }
        }

        visitor.End();
        await visitor.SettleAsync<TIo>(cancellationToken).ConfigureAwait(false);
    }
}
