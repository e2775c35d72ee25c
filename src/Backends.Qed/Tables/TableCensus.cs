namespace QedVd.Backends.Qed;

/// <summary>
/// Learns where all the L2 tables of an image are that is open for reading only, once, before the first of them is used: an opening does not look, so that
/// it costs nothing who does not read. One walk through L1, without its holes, that ends when the set can hold no more.
/// </summary>
internal sealed class TableCensus(IImageStorage storage, QedHeader header, KnownTables tables, ClusterAllocator allocator, bool isDue)
{
    private const int ChunkBytes = 64 << 10;

    private readonly IoGate _gate = new();
    private volatile bool _isDue = isDue;

    /// <summary>Returns when the set has them.</summary>
    public ValueTask TakeAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _isDue ? WalkAsync<TIo>(cancellationToken) : default;

    private async ValueTask WalkAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        await _gate.EnterAsync<TIo>(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_isDue)
            {
                return;
            }

            MetadataWalk walk = new(storage, header, ChunkBytes);
            QedReferenceRules rules = new(header, allocator.OpenedEnd);
            for (int left = KnownTables.MaxTablesToRead; left > 0 && await NextTableAsync<TIo>(walk, cancellationToken).ConfigureAwait(false); left--)
            {
                if (rules.CheckTable(walk.L1Value) == QedReferenceProblem.None)
                {
                    tables.Add(walk.TableOffset);
                }
            }

            _isDue = false;
        }
        finally
        {
            _gate.Exit();
        }
    }

    /// <summary>What cannot be read of L1 names no table that could be used.</summary>
    private static async ValueTask<bool> NextTableAsync<TIo>(MetadataWalk walk, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (true)
        {
            try
            {
                return await walk.NextTableAsync<TIo>(cancellationToken).ConfigureAwait(false);
            }
            catch (ImageException)
            {
                // The walk goes on behind it.
            }
        }
    }
}
