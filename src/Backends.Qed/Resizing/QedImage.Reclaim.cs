namespace QedVd.Backends.Qed;

/// <content>What a resize has left behind goes back to the volume, or is used again.</content>
internal sealed partial class QedImage
{
    /// <summary>So many clusters are remembered for use in this session; of others the room is given back, and a compaction finds them.</summary>
    private const int MaxReclaimedClusters = 1 << 16;

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
            UsedClusters used = new(_storage, Header, frontier, _allocator.AllocatedEnd);
            if (!await used.FindAsync(cancellationToken).ConfigureAwait(false))
            {
                return;
            }

            long end = await CutTailAsync(frontier, used.EndBytes).ConfigureAwait(false) ? used.EndBytes : frontier;
            List<Reservation> free = [];
            long clusters = 0;
            foreach ((long first, long count) in used.FreeRuns())
            {
                long offset = first << _clusterBits;
                long length = Math.Min(count << _clusterBits, end - offset);
                if (length <= 0)
                {
                    break;
                }

                cancellationToken.ThrowIfCancellationRequested();
                if (CanPunchHoles)
                {
                    await _storage.PunchHoleAsync(offset, length, cancellationToken).ConfigureAwait(false);
                }

                int taken = (int)Math.Min(length >> _clusterBits, MaxReclaimedClusters - clusters);
                if (taken > 0)
                {
                    free.Add(new Reservation(offset, taken, IsFresh: false));
                    clusters += taken;
                }
            }

            // The last one that is given back is the first that is used.
            for (int i = free.Count - 1; i >= 0; i--)
            {
                _allocator.GiveBack(free[i]);
            }
        }
        catch (Exception exception) when (exception is ImageException or OperationCanceledException)
        {
            // The disk has its new size. What was not freed is found by a compaction or a check.
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
