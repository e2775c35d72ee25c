namespace QedVd.Backends.Qed;

/// <summary>Moves the data clusters that a plan wants moved into its holes.</summary>
internal sealed class DataMover(QedGeometry geometry, RelocationPlan plan, RepairBatch batch) : ITableVisitor
{
    private long _tableOffset;

    public long MovedCount { get; private set; }

    public void Start(int l1Index, long tableOffset) => _tableOffset = tableOffset;

    public void Visit(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            if (entries[i] <= QedEntry.Zero)
            {
                i += EntryRuns.Same(entries, i, entries[i]) - 1;
                continue;
            }

            long cluster = (long)(entries[i] >> geometry.ClusterBits);
            if (plan.MustMove(cluster) && plan.NextHole() is >= 0 and long hole)
            {
                batch.CopyThenSet(cluster, hole, _tableOffset + ((firstIndex + (long)i) * QedGeometry.EntryBytes));
                MovedCount++;
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
}
