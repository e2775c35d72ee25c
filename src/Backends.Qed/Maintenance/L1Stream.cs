namespace QedVd.Backends.Qed;

/// <summary>Pushes the entries of L1 that are not 0, in order: <see cref="MetadataWalk"/> for those who want no more.</summary>
internal static class L1Stream
{
    /// <summary>Calls <paramref name="visit"/> with index and value of each entry.</summary>
    /// <param name="walk">Goes through L1, from the start.</param>
    /// <param name="visit">Takes the entries.</param>
    /// <param name="onError">Takes failed reads, after which the stream goes on behind what failed; null lets them fly.</param>
    /// <param name="cancellationToken">Stops between reads.</param>
    public static async ValueTask VisitAsync<TIo>(
        MetadataWalk walk,
        Action<int, ulong> visit,
        Action<ImageException>? onError,
        CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        walk.Rewind();
        while (true)
        {
            try
            {
                if (!await walk.NextTableAsync<TIo>(cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }
            catch (ImageException exception) when (onError is not null)
            {
                onError(exception);
                continue;
            }

            visit(walk.L1Index, walk.L1Value);
        }
    }
}
