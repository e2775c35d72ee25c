namespace QedVd.Backends.Qed;

/// <content>What a resize has left behind goes back to the volume, or is used again.</content>
internal sealed partial class QedImage
{
    /// <summary>So many clusters are remembered for use in this session, 8 bytes each; of others the room is given back, and a compaction finds them.</summary>
    private const int MaxReclaimedClusters = 1 << 18;

    private const long FewFreeBytes = 256L << 20;

    /// <summary>
    /// All requests that write are held, and everything is in the storage. Clusters below the returned place that nothing refers to now are the caller's
    /// until <see cref="ReclaimAsync"/>.
    /// </summary>
    private long BeginReclaim()
    {
        _allocator.ForgetRecycled();
        return _allocator.AllocatedEnd;
    }

    /// <summary>
    /// Frees every cluster below <paramref name="frontier"/> that no entry names. What unlinked them is durable, and no reader has an old mapping. Of a damaged image
    /// nothing is freed: what its bad entries once named may be wanted for a repair. Never fails: what is not freed is a leak.
    /// </summary>
    private async ValueTask ReclaimAsync(long frontier, CancellationToken cancellationToken)
    {
        try
        {
            UsedClusters used = NewUsedClusters(frontier, ResizeOperation);
            await used.FindAsync<AsyncIo>(new MetadataWalk(_storage, Header), cancellationToken).ConfigureAwait(false);

            // Every reader of a table that was unlinked has ended: data may come to lie there.
            _knownTables.ReplaceBelow(used.All.ClusterCount, used.SortedTables());
            long usedEnd = used.UsedEndBytes;
            long end = await CutTailAsync(frontier, usedEnd).ConfigureAwait(false) ? usedEnd : frontier;
            long free = used.FreeCount - ((frontier - usedEnd) >> _clusterBits);
            if (free > 0 && free << _clusterBits <= FewFreeBytes)
            {
                // What moves is no more than that: worth it, because what is free in the middle counts as leaked.
                await new Compaction(this, new CompactOptions(), progress: null, movesOnly: true).RunAsync(cancellationToken).ConfigureAwait(false);
                return;
            }

            await GiveBackHolesAsync(used, end, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is ImageException or OperationCanceledException)
        {
            // The disk has its new size. What was not freed is found by a compaction or a check.
        }
    }

    /// <summary>For finding out what is in use below an end while guests allocate behind it.</summary>
    private UsedClusters NewUsedClusters(long endBytes, string operation) => new(Header, endBytes)
    {
        // As for a slice that is loaded: only what this session has changed may name what the file had not when it was opened.
        RulesFor = key => new QedReferenceRules(Header, _touched.MayContain(key) ? _allocator.AllocatedEnd : _allocator.OpenedEnd),
        Damaged = (what, value) => new ImageException(
            ImageErrorKind.Corrupt,
            $"{Name}: {operation}: nothing is moved or freed, because the image is damaged: {what}. To repair: qedvd check -r all {Name}",
            Name,
            operation,
            unchecked((long)value)),
    };

    /// <summary>
    /// What is free below an end and cannot be cut takes no room, and is given to guests before the file grows. What unlinked it is durable, and no reader has
    /// an old mapping.
    /// </summary>
    private async ValueTask GiveBackHolesAsync(UsedClusters used, long endBytes, CancellationToken cancellationToken)
    {
        List<Reservation> free = [];
        long clusters = 0;
        foreach ((long first, long count) in used.FreeRuns())
        {
            long start = first << _clusterBits;
            long end = Math.Min((first + count) << _clusterBits, endBytes);
            if (start >= end)
            {
                break;
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (CanPunchHoles)
            {
                StorageExtent extent = _storage.GetExtent(start);
                if (!extent.IsHole || extent.LengthBytes < end - start)
                {
                    await _storage.PunchHoleAsync(start, end - start, cancellationToken).ConfigureAwait(false);
                }
            }

            int taken = (int)Math.Min((end - start) >> _clusterBits, MaxReclaimedClusters - clusters);
            if (taken > 0)
            {
                free.Add(new Reservation(start, taken, IsFresh: false));
                clusters += taken;
            }
        }

        // The last one that is given back is the first that is used.
        for (int i = free.Count - 1; i >= 0; i--)
        {
            _allocator.GiveBack(free[i]);
        }
    }

    /// <summary>Cuts the file behind the last cluster that is used, unless something was allocated behind it meanwhile.</summary>
    private async ValueTask<bool> CutTailAsync(long frontier, long usedEnd)
    {
        if (usedEnd == frontier)
        {
            return false;
        }

        await HoldAsync<AsyncIo>(WriteHold.OfEverything(), CancellationToken.None).ConfigureAwait(false);
        try
        {
            if (!_allocator.TryLowerEnd(frontier, usedEnd))
            {
                return false;
            }

            await _writer.TrimAsync<AsyncIo>().ConfigureAwait(false);
            return true;
        }
        finally
        {
            EndHold();
        }
    }
}
