namespace QedVd.Backends.Qed;

/// <summary>
/// Repairs a closed image: check, mend what is damaged, check again, give back what leaks, check again, clear the mark. Every prefix leaves every
/// reader the data that it had, and a repair that was interrupted is finished by the next one.
/// </summary>
internal sealed class QedRepair
{
    private readonly IImageStorage _storage;
    private readonly CheckOptions _options;
    private readonly IProgress<OperationProgress>? _progress;
    private readonly RepairLog _log;
    private QedHeader _header;
    private bool _hasChanged;

    public QedRepair(IImageStorage storage, QedHeader header, CheckOptions options, IProgress<OperationProgress>? progress)
    {
        _storage = storage;
        _header = header;
        _options = options;
        _progress = progress;
        _log = new RepairLog(options);
    }

    public async ValueTask<CheckReport> RunAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (_storage.IsReadOnly && !_options.DryRun)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{_storage.Name}: the file is open for reading only; a repair writes (a dry run does not).", _storage.Name, "repair");
        }

        CheckReport first = await CheckAsync<TIo>(_options with { Repair = RepairMode.None }, cancellationToken).ConfigureAwait(false);
        CheckReport now = first;
        long leaksToCome = -1;
        if (_options.Repair == RepairMode.All && first.Corruptions > 0)
        {
            leaksToCome = await MendAsync<TIo>(cancellationToken).ConfigureAwait(false);
            now = _hasChanged ? await CheckAsync<TIo>(s_quiet, cancellationToken).ConfigureAwait(false) : now;
        }

        long reclaimed = 0;
        if (_options.DryRun && leaksToCome >= 0)
        {
            reclaimed = leaksToCome;
            ReportLeaksToCome(reclaimed);
        }
        else if (now.IsSound)
        {
            reclaimed = await ReclaimAsync<TIo>(now, cancellationToken).ConfigureAwait(false);
            now = _hasChanged ? await CheckAsync<TIo>(s_quiet, cancellationToken).ConfigureAwait(false) : now;
        }
        else if (now.Leaks > 0 || _options.Repair == RepairMode.Leaks)
        {
            _log.LeaveAlone(_options.Repair == RepairMode.Leaks
                ? "nothing is changed: leaks can be told for sure only in an image without damage; repair all of it (-r all)"
                : "leaks are left as they are: the image still has damage");
        }

        bool isMarked = _header.NeedsCheck;
        if (isMarked && (now.IsSound || (_options.DryRun && first.CheckErrors == 0 && _options.Repair == RepairMode.All)))
        {
            await ClearMarkAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }

        return now with
        {
            CorruptionsFixed = _options.DryRun && leaksToCome >= 0 && first.CheckErrors == 0 ? first.Corruptions : Math.Max(0, first.Corruptions - now.Corruptions),
            LeaksFixed = reclaimed,
            NeedsCheck = _header.NeedsCheck,
            Findings = first.Findings,
            Repairs = _log.Actions,
        };
    }

    private static readonly CheckOptions s_quiet = new() { MaxReportedFindings = 0 };

    private ValueTask<CheckReport> CheckAsync<TIo>(CheckOptions options, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => new QedChecker(_storage, _header, _storage.GetLength(), options, _progress).RunAsync<TIo>(cancellationToken);

    /// <summary>Mends all damage; returns the clusters of the file as it was that nothing refers to then, or -1 where that is not known.</summary>
    private async ValueTask<long> MendAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        QedGeometry geometry = _header.Geometry;
        TableScan scan = new(_storage, _header, _progress);
        long lengthBytes = await ExtendTailAsync<TIo>(scan, cancellationToken).ConfigureAwait(false);
        QedReferenceRules rules = new(_header, lengthBytes);
        ClusterSupply supply = new(_storage, geometry, (long)rules.FileEnd, _options.DryRun);
        RepairSurvey survey = new(_header, lengthBytes, supply);
        await survey.RunAsync<TIo>(scan, cancellationToken).ConfigureAwait(false);
        if (!survey.IsL1Readable)
        {
            _log.LeaveAlone("the L1 table cannot be read in whole: nothing is changed");
            return -1;
        }

        await BeginChangesAsync<TIo>(cancellationToken).ConfigureAwait(false);
        RepairBatch batch = new(_storage, geometry, _options.DryRun)
        {
            OnNaming = supply.Keep,
            OnUnreadable = (cluster, entry, exception) => _log.LeaveAlone(
                $"the cluster at {cluster << geometry.ClusterBits}, which two entries name, cannot be read and was not copied apart: {exception.Message}"),
        };

        // Before the file grows: an entry that led beyond its end must not come to lead to a copy.
        await scan.VisitL1Async<TIo>(new L1Mender(_header, survey, batch, _log, rules), cancellationToken).ConfigureAwait(false);
        await batch.FlushAsync<TIo>(cancellationToken).ConfigureAwait(false);
        await BarrierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        await CutPartialTailAsync<TIo>(rules, survey, cancellationToken).ConfigureAwait(false);
        L2Mender mender = new(_storage, _header, rules, survey, supply, batch, _log, _options.DryRun);
        try
        {
            await supply.ReserveAsync<TIo>(survey.NewClusters, cancellationToken).ConfigureAwait(false);
            await mender.RunAsync<TIo>(scan, cancellationToken).ConfigureAwait(false);
            await BarrierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await supply.GiveBackAsync<TIo>().ConfigureAwait(false);
            throw;
        }

        return mender.Claimed.ClusterCount - _header.HeaderClusters - geometry.TableClusters - mender.Claimed.SetCount;
    }

    private async ValueTask<long> ExtendTailAsync<TIo>(TableScan scan, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long lengthBytes = _storage.GetLength();
        if (lengthBytes == _header.Geometry.RoundDown(lengthBytes) || (_storage.Facts & StorageFacts.CanSetLength) == 0)
        {
            return lengthBytes;
        }

        TailExtension extension = new(_header, lengthBytes, _log);
        await extension.RunAsync<TIo>(scan, cancellationToken).ConfigureAwait(false);
        if (!extension.IsNamed)
        {
            return lengthBytes;
        }

        if (!_options.DryRun)
        {
            await BeginChangesAsync<TIo>(cancellationToken).ConfigureAwait(false);
            await TIo.AllocateAsync(_storage, lengthBytes, extension.ExtendedLengthBytes - lengthBytes, cancellationToken).ConfigureAwait(false);
            await BarrierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }

        return extension.ExtendedLengthBytes;
    }

    /// <summary>Of a tail that nothing refers to, so that new clusters do not begin with what is in it.</summary>
    private async ValueTask CutPartialTailAsync<TIo>(QedReferenceRules rules, RepairSurvey survey, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!_options.DryRun && survey.NewClusters > 0 && _storage.GetLength() > (long)rules.FileEnd)
        {
            await TIo.SetLengthAsync(_storage, (long)rules.FileEnd, cancellationToken).ConfigureAwait(false);
            await BarrierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<long> ReclaimAsync<TIo>(CheckReport now, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long lengthBytes = _storage.GetLength();
        if (now.Leaks == 0 && lengthBytes == _header.Geometry.RoundDown(lengthBytes))
        {
            return 0;
        }

        await BeginChangesAsync<TIo>(cancellationToken).ConfigureAwait(false);
        LeakReclaimer reclaimer = new(_storage, _header, _log, _progress, _options.DryRun);
        (long reclaimed, _header) = await reclaimer.RunAsync<TIo>(cancellationToken).ConfigureAwait(false);
        return reclaimed;
    }

    private void ReportLeaksToCome(long leaks)
    {
        if (leaks > 0)
        {
            _log.Add(new RepairAction(
                RepairActionKind.ReclaimedLeaks,
                $"{leaks} clusters that nothing refers to are given back",
                LengthBytes: leaks << _header.Geometry.ClusterBits));
        }
    }

    private async ValueTask ClearMarkAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        _log.Add(new RepairAction(RepairActionKind.ClearedMark, "the mark that a check is due (NEED_CHECK) was cleared"));
        if (_options.DryRun)
        {
            return;
        }

        // What the check has seen must be durable before the mark goes.
        await BeginChangesAsync<TIo>(cancellationToken).ConfigureAwait(false);
        await BarrierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        await WriteHeaderAsync<TIo>(_header with { Features = _header.Features & ~QedFeatures.NeedCheck }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Before the first change: clears unknown autoclear bits, and makes durable what was found (a process that was killed need not have), so that a place
    /// that is free now is free after a crash too.
    /// </summary>
    private async ValueTask BeginChangesAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (_options.DryRun || _hasChanged)
        {
            return;
        }

        _hasChanged = true;
        if (_header.UnknownAutoclearFeatures != 0)
        {
            await WriteHeaderAsync<TIo>(_header with { AutoclearFeatures = _header.AutoclearFeatures & QedFeatures.KnownAutoclear }, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await BarrierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask WriteHeaderAsync<TIo>(QedHeader header, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        await QedHeaderFile.WriteAsync<TIo>(_storage, header, cancellationToken).ConfigureAwait(false);
        await BarrierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        _header = header;
    }

    private ValueTask BarrierAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _options.DryRun ? default : TIo.BarrierAsync(_storage, cancellationToken);
}
