namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    // A map of free space may read this many slices of L1 before it answers with what it has.
    private const int MaxRunsPerMap = 4096;

    /// <inheritdoc/>
    protected override async ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        if (lengthBytes == 0)
        {
            return new Extent(ExtentKind.Free, 0);
        }

        int slot = _epochs.Enter();
        try
        {
            MapRun run = await _map.LookupAsync<TIo>(offset, lengthBytes, cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < MaxRunsPerMap && run.LengthBytes < lengthBytes; i++)
            {
                MapRun next;
                try
                {
                    next = await _map.LookupAsync<TIo>(offset + run.LengthBytes, lengthBytes - run.LengthBytes, cancellationToken).ConfigureAwait(false);
                }
                catch (ImageException)
                {
                    // What lies behind fails the request that asks for it.
                    break;
                }

                if (next.Kind != run.Kind || (run.Kind == ExtentKind.Data && next.StorageOffset != run.StorageOffset + run.LengthBytes))
                {
                    break;
                }

                run = run with { LengthBytes = run.LengthBytes + next.LengthBytes };
            }

            return run.Kind == ExtentKind.Data ? SeeHoles(run) : new Extent(run.Kind, run.LengthBytes);
        }
        finally
        {
            _epochs.Exit(slot);
        }
    }

    /// <summary>A punched cluster keeps its mapping: the storage knows that it reads as zero.</summary>
    private Extent SeeHoles(in MapRun run)
    {
        StorageExtent extent = _storage.GetExtent(run.StorageOffset);
        return extent.LengthBytes <= 0
            ? new Extent(ExtentKind.Data, run.LengthBytes, run.StorageOffset, IsAllocated: true)
            : new Extent(
                extent.IsHole ? ExtentKind.Zero : ExtentKind.Data, Math.Min(run.LengthBytes, extent.LengthBytes), run.StorageOffset, IsAllocated: true);
    }
}
