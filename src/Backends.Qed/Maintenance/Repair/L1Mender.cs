namespace QedVd.Backends.Qed;

/// <summary>
/// Clears the L1 entries that lead nowhere, before the file grows over what they name. Nothing could be read through them: no table was
/// where a reader would have accepted one.
/// </summary>
internal sealed class L1Mender(QedHeader header, RepairSurvey survey, RepairBatch batch, RepairLog log, QedReferenceRules rules) : ITableVisitor
{
    private readonly QedGeometry _geometry = header.Geometry;

    public void Start(int l1Index, long tableOffset)
    {
    }

    public void Visit(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            ulong value = entries[i];
            int index = firstIndex + i;
            if (value == QedEntry.Unallocated || (survey.IsValid(value) && !survey.IsDropped(index)))
            {
                continue;
            }

            batch.SetL1(header.L1TableOffset + ((long)index * QedGeometry.EntryBytes), QedEntry.Unallocated);
            if (log.IsListening)
            {
                Report(index, value);
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

    private void Report(int index, ulong value)
    {
        string entry = $"L1 table at {header.L1TableOffset}, entry {index} was {value}";
        if (!survey.IsInUse(index))
        {
            log.Add(new RepairAction(RepairActionKind.ClearedEntry, $"{entry}, beyond the end of the disk{(survey.IsValid(value) ? ", and in the way of what is in use" : "")}: cleared, nothing is lost"));
            return;
        }

        (long offset, long length) = RepairText.RangeOf(header, index);
        log.Add(new RepairAction(
            RepairActionKind.ClearedEntry,
            $"{entry}, {rules.Describe(rules.CheckTable(value))}: cleared, {RepairText.Lost(offset, length)}, {(header.HasParent ? "the disk reads there as the parent has it" : "the disk reads zeros there")}",
            offset,
            length,
            IsLoss: true));
    }
}
