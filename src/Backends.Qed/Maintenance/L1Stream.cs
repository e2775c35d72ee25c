namespace QedVd.Backends.Qed;

/// <summary>Streams the entries of L1 that are not 0, in order.</summary>
internal static class L1Stream
{
    /// <summary>Calls <paramref name="visit"/> with index and value of each entry.</summary>
    /// <param name="reader">Reads L1.</param>
    /// <param name="header">Says where it is.</param>
    /// <param name="visit">Takes the entries.</param>
    /// <param name="onError">Takes failed reads, after which the stream goes on behind what failed; null lets them fly.</param>
    /// <param name="cancellationToken">Stops between reads.</param>
    public static async ValueTask VisitAsync<TIo>(
        TableReader reader,
        QedHeader header,
        Action<int, ulong> visit,
        Action<ImageException>? onError,
        CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        reader.Rewind();
        while (true)
        {
            try
            {
                if (!await reader.NextAsync<TIo>(header.L1TableOffset, cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }
            catch (ImageException exception) when (onError is not null)
            {
                onError(exception);
                continue;
            }

            Visit(reader, visit);
        }
    }

    private static void Visit(TableReader reader, Action<int, ulong> visit)
    {
        ReadOnlySpan<ulong> entries = reader.Entries;
        for (int i = 0; i < entries.Length; i++)
        {
            if (entries[i] == QedEntry.Unallocated)
            {
                i += EntryRuns.Same(entries, i, QedEntry.Unallocated) - 1;
                continue;
            }

            visit(reader.FirstIndex + i, entries[i]);
        }
    }
}
