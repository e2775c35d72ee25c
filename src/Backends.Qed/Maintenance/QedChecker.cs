namespace QedVd.Backends.Qed;

/// <summary>
/// Examines all tables of an image, streamed: two buffers of 256 KiB for each thread, and one bit per cluster that is in use. Changes nothing. Runs once.
/// </summary>
internal sealed partial class QedChecker
{
    private const long ProgressStepBytes = 8 << 20;

    private readonly IImageStorage _storage;
    private readonly QedHeader _header;
    private readonly QedGeometry _geometry;
    private readonly long _fileLengthBytes;
    private readonly IProgress<OperationProgress>? _progress;
    private readonly QedReferenceRules _rules;
    private readonly CheckTally _tally;

    // Bit n: L1 entry n names a table that is to be walked through, once.
    private readonly ClusterBitmap _walk;
    private bool _l1Failed;
    private long _doneBytes;
    private long _reportedBytes;
    private long _totalBytes;

    public QedChecker(IImageStorage storage, QedHeader header, long fileLengthBytes, CheckOptions options, IProgress<OperationProgress>? progress = null)
    {
        _storage = storage;
        _header = header;
        _geometry = header.Geometry;
        _fileLengthBytes = fileLengthBytes;
        _progress = progress;
        _rules = new QedReferenceRules(header, fileLengthBytes);
        _tally = new CheckTally(options);
        _walk = new ClusterBitmap(_geometry.EntriesPerTable);
        _totalBytes = _geometry.TableBytes;
    }

    public async ValueTask<CheckReport> RunAsync<TIo>(CancellationToken cancellationToken = default)
        where TIo : struct, IIoMode
    {
        NoteHeader();

        // All L2 tables first, so that a data cluster inside one of them is known for what it is whatever the order in L1.
        MetadataWalk tables = new(_storage, _header);
        List<ulong> offsets = [];
        await L1Stream.VisitAsync<TIo>(
            tables,
            (_, value) =>
            {
                if (_rules.CheckTable(value) == QedReferenceProblem.None)
                {
                    offsets.Add(value);
                }
            },
            AddL1Error,
            cancellationToken).ConfigureAwait(false);
        L2TableSet set = L2TableSet.Of(offsets, _geometry);
        ClusterUse use = new(_header, _fileLengthBytes, set);
        await L1Stream.VisitAsync<TIo>(tables, (index, value) => MarkTable(use, index, value), AddL1Error, cancellationToken).ConfigureAwait(false);
        Advance(_geometry.TableBytes);

        _totalBytes += _walk.SetCount * _geometry.TableBytes;
        L2Walk? walk = await TryWalkInParallelAsync<TIo>(set, use, cancellationToken).ConfigureAwait(false);
        if (walk is null)
        {
            walk = new L2Walk(_geometry, _rules, use, _tally);
            await WalkTablesAsync<TIo>(tables, walk, cancellationToken).ConfigureAwait(false);
        }

        CountLeaks(use);
        _progress?.Report(new OperationProgress(_totalBytes, _totalBytes, "checking"));

        return new CheckReport
        {
            Corruptions = _tally.Corruptions,
            Leaks = _tally.Leaks,
            CheckErrors = _tally.CheckErrors,
            TotalClusters = _geometry.ClustersFor(_header.VirtualSizeBytes),
            AllocatedClusters = walk.AllocatedClusters,
            ZeroClusters = walk.ZeroClusters,
            FragmentedClusters = walk.FragmentedClusters,
            ImageEndOffset = Math.Max(use.TablesEnd, walk.DataEnd),
            NeedsCheck = _header.NeedsCheck,
            Findings = _tally.Findings,
        };
    }

    private void NoteHeader()
    {
        if (_header.NeedsCheck)
        {
            _tally.Add(new CheckFinding(CheckFindingKind.NeedsCheck, "the image was not closed cleanly: NEED_CHECK is set"));
        }

        if (_storage.EarlierFence is { } fence)
        {
            _tally.Add(new CheckFinding(CheckFindingKind.Note, QedWarnings.Of(fence)));
        }

        foreach (string warning in QedWarnings.Of(_header, _fileLengthBytes))
        {
            _tally.Add(new CheckFinding(CheckFindingKind.Note, warning));
        }
    }

    private void MarkTable(ClusterUse use, int index, ulong value)
    {
        QedReferenceProblem problem = _rules.CheckTable(value);
        if (problem != QedReferenceProblem.None)
        {
            // An overlap counts once per cluster, as qemu-img counts it.
            long count = problem == QedReferenceProblem.InL1 ? _geometry.TableClusters - (Math.Abs((long)value - _header.L1TableOffset) >> _geometry.ClusterBits) : 1;
            AddL1Corruption(CheckFindingKind.InvalidReference, index, value, count, _rules.Describe(problem));
            return;
        }

        bool isRepeated = !use.TryAddTable((long)value, out long shared);
        if (shared == 0)
        {
            _walk.TrySet(index);
        }
        else if (isRepeated)
        {
            AddL1Corruption(CheckFindingKind.SharedReference, index, value, shared, "the L2 table that an entry before it names");
        }
        else
        {
            // Two tables in one place by a part: what only this one refers to is still in use.
            _walk.TrySet(index);
            AddL1Corruption(CheckFindingKind.SharedReference, index, value, shared, $"an L2 table that shares {shared} of its clusters with another one");
        }
    }

    private async ValueTask WalkTablesAsync<TIo>(MetadataWalk tables, L2Walk walk, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        tables.Rewind();
        while (true)
        {
            try
            {
                if (!await tables.NextTableAsync<TIo>(cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }
            catch (ImageException exception)
            {
                AddL1Error(exception);
                continue;
            }

            if (_walk.Contains(tables.L1Index))
            {
                await WalkTableAsync<TIo>(tables, walk, cancellationToken).ConfigureAwait(false);
                Advance(_geometry.TableBytes);
            }
        }
    }

    private async ValueTask WalkTableAsync<TIo>(MetadataWalk tables, L2Walk walk, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        bool failed = false;
        walk.Start(tables.L1Index, tables.TableOffset);
        while (true)
        {
            try
            {
                if (!await tables.NextEntriesAsync<TIo>(cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }
            catch (ImageException exception)
            {
                if (!failed)
                {
                    AddReadError("L2", tables.TableOffset, tables.L1Index, exception);
                }

                failed = true;
                continue;
            }

            walk.Add(tables.Entries, tables.FirstIndex);
        }
    }

    private void CountLeaks(ClusterUse use)
    {
        if (_tally.CheckErrors > 0)
        {
            _tally.Add(new CheckFinding(CheckFindingKind.Note, "leaks are not counted: what a table that cannot be read refers to is not known"));
            return;
        }

        foreach ((long first, long count) in use.Leaks())
        {
            long offset = first << _geometry.ClusterBits;
            long lengthBytes = count << _geometry.ClusterBits;
            _tally.AddLeak(
                new CheckFinding(
                    CheckFindingKind.Leak,
                    $"{count} {(count == 1 ? "cluster" : "clusters")} at {offset} ({lengthBytes} bytes): nothing refers to {(count == 1 ? "it" : "them")}",
                    Value: offset,
                    LengthBytes: lengthBytes),
                count);
        }
    }

    private void AddL1Corruption(CheckFindingKind kind, int index, ulong value, long count, string why)
    {
        if (!_tally.IsListening)
        {
            _tally.CountCorruptions(count);
            return;
        }

        _tally.AddCorruption(
            new CheckFinding(
                kind,
                $"L1 table at {_header.L1TableOffset}, entry {index} is {value}: {why}",
                "L1",
                _header.L1TableOffset,
                index,
                unchecked((long)value),
                _geometry.BytesPerL2),
            count);
    }

    /// <summary>L1 is read several times; whichever of them fails, its tables were not all looked at.</summary>
    private void AddL1Error(ImageException exception)
    {
        if (!_l1Failed)
        {
            AddReadError("L1", _header.L1TableOffset, -1, exception);
        }

        _l1Failed = true;
    }

    private void AddReadError(string table, long tableOffset, long l1Index, ImageException exception) => _tally.AddError(
        new CheckFinding(
            CheckFindingKind.ReadError,
            $"{table} table at {tableOffset}{(l1Index < 0 ? "" : $" (L1 entry {l1Index})")} cannot be read: {exception.Message}",
            table,
            tableOffset,
            Value: exception.OffsetBytes ?? tableOffset,
            LengthBytes: l1Index < 0 ? _header.VirtualSizeBytes : _geometry.BytesPerL2));

    private void Advance(long bytes)
    {
        if (_progress is null)
        {
            return;
        }

        lock (_progressLock)
        {
            _doneBytes += bytes;
            if (_doneBytes - _reportedBytes >= ProgressStepBytes)
            {
                _reportedBytes = _doneBytes;
                _progress.Report(new OperationProgress(_doneBytes, _totalBytes, "checking"));
            }
        }
    }
}
