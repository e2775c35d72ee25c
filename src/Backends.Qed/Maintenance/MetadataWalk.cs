namespace QedVd.Backends.Qed;

/// <summary>
/// The one way through an image's tables as the storage has them: L1 entry after L1 entry, and under each, when it is asked for, the entries of its
/// L2 table span by span. Judges nothing: what an entry may say is <see cref="QedReferenceRules"/>' business. Holds two buffers of at most 256 KiB,
/// however large the image, and jumps over holes. For one user at a time.
/// </summary>
/// <remarks>
/// <code>
/// while (await walk.NextTableAsync&lt;TIo&gt;(cancellationToken))      // walk.L1Index, walk.TableOffset
///     while (await walk.NextEntriesAsync&lt;TIo&gt;(cancellationToken)) // walk.FirstIndex, walk.Entries
/// </code>
/// </remarks>
internal sealed class MetadataWalk
{
    private readonly QedHeader _header;
    private readonly TableReader _l1;
    private readonly TableReader _l2;

    // The next entry of the span of L1 that is in memory.
    private int _next;

    public MetadataWalk(IImageStorage storage, QedHeader header, int chunkBytes = TableReader.ChunkBytes)
    {
        _header = header;
        _l1 = new TableReader(storage, header.Geometry, chunkBytes);
        _l2 = new TableReader(storage, header.Geometry, chunkBytes);
    }

    /// <summary>The L1 entry that <see cref="NextTableAsync"/> has come to.</summary>
    public int L1Index { get; private set; } = -1;

    /// <summary>Its value, whatever it is, but never 0.</summary>
    public ulong L1Value { get; private set; }

    /// <summary>Where the table lies that <see cref="NextEntriesAsync"/> reads.</summary>
    public long TableOffset { get; private set; }

    /// <summary>The entries that <see cref="NextEntriesAsync"/> has come to; what it leaves out is 0.</summary>
    public ReadOnlySpan<ulong> Entries => _l2.Entries;

    /// <summary>Index in the L2 table of the first of <see cref="Entries"/>.</summary>
    public int FirstIndex => _l2.FirstIndex;

    /// <summary>Goes back, or ahead, to an L1 entry: the next table is the one that it names, or the first one behind it.</summary>
    public void Rewind(int l1Index = 0)
    {
        L1Index = -1;
        if (l1Index >= _l1.FirstIndex && l1Index < _l1.FirstIndex + _l1.Entries.Length)
        {
            _next = l1Index - _l1.FirstIndex;
            return;
        }

        _l1.Rewind(l1Index);
        _next = _l1.Entries.Length;
    }

    /// <summary>Goes to the next L1 entry that is not 0; false at the end of L1.</summary>
    /// <exception cref="ImageException">A part of L1 could not be read; the call may be repeated and goes on behind it.</exception>
    public ValueTask<bool> NextTableAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode => TryTakeTable() ? new(true) : ReadL1Async<TIo>(cancellationToken);

    /// <summary>Makes a table that is known by other means the current one.</summary>
    /// <param name="tableOffset">Where it lies.</param>
    /// <param name="firstIndex">The entry to begin at.</param>
    public void OpenTable(long tableOffset, int firstIndex = 0)
    {
        TableOffset = tableOffset;
        _l2.Rewind(firstIndex);
    }

    /// <summary>Goes on in the same table at another place.</summary>
    public void MoveTable(long tableOffset) => TableOffset = tableOffset;

    /// <summary>Reads the next entries of the current table that may be other than 0; false at its end.</summary>
    /// <exception cref="ImageException">A part of the table could not be read; the call may be repeated and goes on behind it.</exception>
    public ValueTask<bool> NextEntriesAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _l2.NextAsync<TIo>(TableOffset, cancellationToken);

    private async ValueTask<bool> ReadL1Async<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (await _l1.NextAsync<TIo>(_header.L1TableOffset, cancellationToken).ConfigureAwait(false))
        {
            _next = 0;
            if (TryTakeTable())
            {
                return true;
            }
        }

        return false;
    }

    private bool TryTakeTable()
    {
        ReadOnlySpan<ulong> entries = _l1.Entries;
        if (_next < entries.Length && entries[_next] == QedEntry.Unallocated)
        {
            _next += EntryRuns.Same(entries, _next, QedEntry.Unallocated);
        }

        if (_next >= entries.Length)
        {
            return false;
        }

        L1Index = _l1.FirstIndex + _next;
        L1Value = entries[_next++];
        OpenTable(unchecked((long)L1Value));
        return true;
    }
}
