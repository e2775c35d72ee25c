namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    // For whoever takes it; taken by one call at a time, and left behind for the next.
    private RunWalk? _runWalk;

    // Nobody writes, and the storage has all: set behind the last change, so that it is never stale while it is true.
    private bool HasSettledTables => IsReadOnly && !_isChanged;

    /// <inheritdoc/>
    /// <remarks>
    /// While the image is open for reading only, tables are streamed, and where the storage has holes is remembered from one call to the next as long
    /// as each goes on where the one before ended. While it may be written, the answer comes from memory, and each run of data is looked at anew.
    /// </remarks>
    public override async ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
    {
        CheckRange(offset, lengthBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(lengthBytes, 1);
        ArgumentOutOfRangeException.ThrowIfZero(runs.Length);
        int slot = _epochs.Enter();
        try
        {
            int count = HasSettledTables ? await WalkRunsAsync(offset, lengthBytes, runs, cancellationToken).ConfigureAwait(false) : 0;
            return count > 0 ? count : await CollectRunsAsync(offset, lengthBytes, runs, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _epochs.Exit(slot);
        }
    }

    private async ValueTask<int> WalkRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken)
    {
        QedHeader header = Header;
        RunWalk walk = Interlocked.Exchange(ref _runWalk, null)
            ?? new RunWalk(_storage, header, _knownTables, _census, () => RulesNow(header));
        try
        {
            return await walk.FillAsync<AsyncIo>(offset, lengthBytes, runs, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _runWalk, walk);
        }
    }

    private QedReferenceRules RulesNow(QedHeader header)
    {
        _ = _allocator.HasFileGrown();
        return new QedReferenceRules(header, _allocator.OpenedEnd);
    }

    private async ValueTask<int> CollectRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken)
    {
        StorageHoles holes = new(_storage, rememberHoles: false);
        long end = offset + lengthBytes;
        int count = 0;
        while (offset < end && count < runs.Length)
        {
            count = CollectCached(runs.Span, count, ref offset, end, holes);
            if (offset == end || count == runs.Length)
            {
                break;
            }

            MapRun run;
            try
            {
                run = await _map.LookupAsync<AsyncIo>(offset, end - offset, cancellationToken).ConfigureAwait(false);
            }
            catch (ImageException) when (count > 0)
            {
                break;
            }

            runs.Span[count++] = ExtentOf(ref run, holes);
            offset += run.LengthBytes;
        }

        return count;
    }

    private int CollectCached(Span<Extent> runs, int count, ref long offset, long end, StorageHoles holes)
    {
        while (offset < end && count < runs.Length && _map.TryLookup(offset, end - offset, out MapRun run))
        {
            runs[count++] = ExtentOf(ref run, holes);
            offset += run.LengthBytes;
        }

        return count;
    }

    /// <summary>The answer for a run, which is cut to the part that it is about.</summary>
    private static Extent ExtentOf(ref MapRun run, StorageHoles holes)
    {
        if (run.Kind != ExtentKind.Data)
        {
            return new Extent(run.Kind, run.LengthBytes);
        }

        StorageExtent extent = holes.At(run.StorageOffset);
        run = run with { LengthBytes = Math.Min(run.LengthBytes, extent.LengthBytes) };
        return new Extent(extent.IsHole ? ExtentKind.Zero : ExtentKind.Data, run.LengthBytes, run.StorageOffset, IsAllocated: true);
    }
}
