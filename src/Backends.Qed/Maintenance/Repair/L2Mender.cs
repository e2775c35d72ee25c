using System.Buffers.Binary;

namespace QedVd.Backends.Qed;

/// <summary>
/// Mends L2 tables, one after the other: the first entry that names a cluster keeps it, each further one gets a copy of its own; entries that lead
/// nowhere are cleared. Tables that stay are changed in place, behind the copies; the others in their new place, before L1 names it.
/// </summary>
internal sealed class L2Mender : ITableVisitor
{
    private readonly IImageStorage _storage;
    private readonly QedHeader _header;
    private readonly QedGeometry _geometry;
    private readonly QedReferenceRules _rules;
    private readonly RepairSurvey _survey;
    private readonly ClusterSupply _supply;
    private readonly RepairBatch _batch;
    private readonly RepairLog _log;
    private readonly bool _isDryRun;
    private readonly ulong _cleared;

    private int _l1Index;
    private long _tableOffset;
    private bool _isMoved;
    private bool _hasFailed;
    private long _newOffset;
    private byte[] _patched = [];
    private int _patchedBytes;
    private int _patchedIndex;

    public L2Mender(IImageStorage storage, QedHeader header, QedReferenceRules rules, RepairSurvey survey, ClusterSupply supply, RepairBatch batch, RepairLog log, bool isDryRun)
    {
        _storage = storage;
        _header = header;
        _geometry = header.Geometry;
        _rules = rules;
        _survey = survey;
        _supply = supply;
        _batch = batch;
        _log = log;
        _isDryRun = isDryRun;
        Claimed = new ClusterBitmap((long)rules.FileEnd >> _geometry.ClusterBits);

        // The cluster was written once, so what a parent holds there is older: with 0 it would come to light.
        _cleared = header.HasParent ? QedEntry.Zero : QedEntry.Unallocated;
    }

    /// <summary>Clusters of the file as it was that are in use after the repair, L1 not counted.</summary>
    public ClusterBitmap Claimed { get; }

    public async ValueTask RunAsync<TIo>(TableScan scan, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        const string Phase = "mending tables";
        await scan.VisitL1Async<TIo>(new StayingTables(this), cancellationToken).ConfigureAwait(false);

        // What is left alone keeps what it names. Tables that move come before those that stay, which they may overlap: they must be read as they were.
        await scan.VisitL2Async<TIo>((index, value) => IsLinked(index, value) && _survey.IsLeftAlone(index), this, Phase, cancellationToken).ConfigureAwait(false);
        await scan.VisitL2Async<TIo>((index, value) => IsLinked(index, value) && _survey.IsMoved(index), this, Phase, cancellationToken).ConfigureAwait(false);
        await _batch.FlushAsync<TIo>(cancellationToken).ConfigureAwait(false);
        await scan.VisitL2Async<TIo>((index, value) => IsLinked(index, value) && !_survey.IsLeftAlone(index) && !_survey.IsMoved(index), this, Phase, cancellationToken).ConfigureAwait(false);
        await _batch.FlushAsync<TIo>(cancellationToken).ConfigureAwait(false);
    }

    void ITableVisitor.Start(int l1Index, long tableOffset)
    {
        _l1Index = l1Index;
        _tableOffset = tableOffset;
        _hasFailed = false;
        _isMoved = _survey.IsMoved(l1Index);
        _newOffset = _isMoved ? _supply.Take(_geometry.TableClusters) << _geometry.ClusterBits : tableOffset;
    }

    void ITableVisitor.Visit(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        if (_isMoved)
        {
            Keep(entries, firstIndex);
        }

        for (int i = 0; i < entries.Length; i++)
        {
            if (entries[i] <= QedEntry.Zero)
            {
                i += EntryRuns.Same(entries, i, entries[i]) - 1;
                continue;
            }

            Judge(firstIndex + i, entries[i]);
        }
    }

    async ValueTask ITableVisitor.SettleAsync<TIo>(CancellationToken cancellationToken)
    {
        await _supply.CoverAsync<TIo>(cancellationToken).ConfigureAwait(false);
        if (_patchedBytes > 0 && !_isDryRun)
        {
            await TIo.WriteAsync(_storage, PlaceOf(_patchedIndex), new IoBuffer(_patched.AsMemory(0, _patchedBytes)), cancellationToken).ConfigureAwait(false);
        }

        _patchedBytes = 0;
        if (_batch.IsFull)
        {
            await _batch.FlushAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
    }

    void ITableVisitor.Fail(ImageException exception)
    {
        if (!_hasFailed)
        {
            _log.LeaveAlone($"L2 table at {_tableOffset} (L1 entry {_l1Index}) cannot be read and is left as it is: {exception.Message}");
        }

        _hasFailed = true;
    }

    void ITableVisitor.End()
    {
        if (!_isMoved || _hasFailed)
        {
            return;
        }

        _batch.SetL1(_header.L1TableOffset + ((long)_l1Index * QedGeometry.EntryBytes), (ulong)_newOffset);
        (long offset, long length) = RepairText.RangeOf(_header, _l1Index);
        _log.Add(new RepairAction(
            RepairActionKind.CopiedApart,
            $"L2 table at {_tableOffset} (L1 entry {_l1Index}) shared clusters with another table or with data: copied to {_newOffset}",
            offset,
            length));
    }

    private bool IsLinked(int index, ulong value) => _survey.IsValid(value) && !_survey.IsDropped(index);

    private long PlaceOf(int index) => _newOffset + ((long)index * QedGeometry.EntryBytes);

    private void Keep(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        _patchedBytes = entries.Length * QedGeometry.EntryBytes;
        _patchedIndex = firstIndex;
        if (_patched.Length < _patchedBytes)
        {
            _patched = new byte[_patchedBytes];
        }

        for (int i = 0; i < entries.Length; i++)
        {
            Patch(firstIndex + i, entries[i]);
        }
    }

    private void Patch(int index, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(_patched.AsSpan((index - _patchedIndex) * QedGeometry.EntryBytes), value);

    private void Judge(int index, ulong value)
    {
        bool isReadOnly = _survey.IsLeftAlone(_l1Index);
        QedReferenceProblem problem = _rules.CheckCluster(value);
        if (problem != QedReferenceProblem.None)
        {
            if (!isReadOnly)
            {
                ClearIfTable(index, value, _rules.Describe(problem));
            }

            return;
        }

        long cluster = (long)(value >> _geometry.ClusterBits);
        if (Claimed.TrySet(cluster))
        {
            if (_log.IsListening && !isReadOnly && _survey.IsDoubtful(cluster))
            {
                ReportDoubtful(index, value);
            }

            return;
        }

        if (isReadOnly)
        {
            return;
        }

        (long offset, long length) = RepairText.RangeOf(_header, _l1Index, index);
        if (length == 0)
        {
            ClearIfTable(index, value, "named by another entry too");
            return;
        }

        CopyApart(index, cluster, offset, length);
    }

    private void CopyApart(int index, long cluster, long offset, long length)
    {
        if (!_survey.HasReadAll)
        {
            if (_log.IsListening)
            {
                _log.LeaveAlone($"{NameOf(index)} names the cluster at {cluster << _geometry.ClusterBits}, which another entry names too: not copied apart while a table cannot be read");
            }

            return;
        }

        long copy = _supply.Take(1);
        if (_isMoved)
        {
            Patch(index, (ulong)copy << _geometry.ClusterBits);
            _batch.CopyForNewTable(cluster, copy, PlaceOf(index));
        }
        else
        {
            _batch.CopyThenSet(cluster, copy, PlaceOf(index));
        }

        if (_log.IsListening)
        {
            _log.Add(new RepairAction(
                RepairActionKind.CopiedApart,
                $"{NameOf(index)} named the cluster at {cluster << _geometry.ClusterBits}, which another entry names too: copied to {copy << _geometry.ClusterBits}",
                offset,
                length));
        }
    }

    private void ClearIfTable(int index, ulong value, string why)
    {
        if (_survey.HasReadAll)
        {
            Clear(index, value, why);
        }
        else if (_log.IsListening)
        {
            _log.LeaveAlone($"{NameOf(index)} is {value}, {why}: not cleared while a table cannot be read, which may name this one as data");
        }
    }

    private void Clear(int index, ulong value, string why)
    {
        if (_isMoved)
        {
            Patch(index, _cleared);
        }
        else
        {
            _batch.SetL2(PlaceOf(index), _cleared);
        }

        if (!_log.IsListening)
        {
            return;
        }

        (long offset, long length) = RepairText.RangeOf(_header, _l1Index, index);
        _log.Add(length == 0
            ? new RepairAction(RepairActionKind.ClearedEntry, $"{NameOf(index)} was {value}, beyond the end of the disk, {why}: cleared, nothing is lost")
            : new RepairAction(RepairActionKind.ClearedEntry, $"{NameOf(index)} was {value}, {why}: cleared, {RepairText.Lost(offset, length)}, the disk reads zeros there", offset, length, IsLoss: true));
    }

    private void ReportDoubtful(int index, ulong value)
    {
        (long offset, long length) = RepairText.RangeOf(_header, _l1Index, index);
        _log.Add(new RepairAction(
            RepairActionKind.CopiedApart,
            $"{NameOf(index)} names the cluster at {value}, where a table is: the table has moved away, the disk reads what is there; which of the two was overwritten cannot be told",
            offset,
            length,
            IsLoss: true));
    }

    private string NameOf(int index) => $"L2 table at {_tableOffset} (L1 entry {_l1Index}), entry {index}";

    /// <summary>Takes the clusters of all tables that stay where they are.</summary>
    private sealed class StayingTables(L2Mender mender) : ITableVisitor
    {
        public void Start(int l1Index, long tableOffset)
        {
        }

        public void Visit(ReadOnlySpan<ulong> entries, int firstIndex)
        {
            for (int i = 0; i < entries.Length; i++)
            {
                if (entries[i] == QedEntry.Unallocated || !mender.IsLinked(firstIndex + i, entries[i]) || mender._survey.IsMoved(firstIndex + i))
                {
                    continue;
                }

                for (int cluster = 0; cluster < mender._geometry.TableClusters; cluster++)
                {
                    mender.Claimed.TrySet((long)(entries[i] >> mender._geometry.ClusterBits) + cluster);
                }
            }
        }

        public ValueTask SettleAsync<TIo>(CancellationToken cancellationToken)
            where TIo : struct, IIoMode => default;

        public void Fail(ImageException exception) => throw exception;

        public void End()
        {
        }
    }
}
