namespace QedVd.Backends.Qed;

/// <summary>Sets the L1 entries of tables that have moved.</summary>
internal sealed class TableLinker(QedHeader header, IReadOnlyList<TableMove> moves, RepairBatch batch) : ITableVisitor
{
    private readonly TableMove[] _moves = [.. moves.OrderBy(move => move.From)];

    public void Start(int l1Index, long tableOffset)
    {
    }

    public void Visit(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            if (entries[i] != QedEntry.Unallocated && Find((long)(entries[i] >> header.Geometry.ClusterBits)) is { } move)
            {
                batch.SetL1(header.L1TableOffset + ((firstIndex + (long)i) * QedGeometry.EntryBytes), (ulong)move.To << header.Geometry.ClusterBits);
            }
        }
    }

    public async ValueTask SettleAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (batch.IsFull)
        {
            await batch.FlushAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
    }

    public void Fail(ImageException exception) => throw exception;

    public void End()
    {
    }

    private TableMove? Find(long cluster)
    {
        int low = 0;
        int high = _moves.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (_moves[middle].From == cluster)
            {
                return _moves[middle];
            }

            (low, high) = _moves[middle].From < cluster ? (middle + 1, high) : (low, middle - 1);
        }

        return null;
    }
}
