using System.Buffers.Binary;

namespace QedVd.Backends.Qed;

/// <summary>
/// Entries of tables as the storage has them, past the cache: for what nothing in memory describes, and through one buffer however long a table is.
/// For one user at a time.
/// </summary>
internal sealed class StoredEntries(IImageStorage storage)
{
    private const int ChunkEntries = 16 << 10;

    private readonly bool _canMapHoles = (storage.Facts & StorageFacts.CanMapHoles) != 0;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(ChunkEntries * QedGeometry.EntryBytes);

    /// <summary>The index of the first entry that was read last.</summary>
    public long First { get; private set; }

    /// <summary>How many entries were read last.</summary>
    public int Count { get; private set; }

    /// <summary>An entry of those that were read last, counted from <see cref="First"/>.</summary>
    public ulong this[int index] => BinaryPrimitives.ReadUInt64LittleEndian(_buffer.AsSpan(index * QedGeometry.EntryBytes));

    /// <summary>The bytes of entries that were read last.</summary>
    public Memory<byte> Bytes(int index, int count) => _buffer.AsMemory(index * QedGeometry.EntryBytes, count * QedGeometry.EntryBytes);

    /// <summary>
    /// Reads on, over holes, which hold nothing but 0: up to a chunk from <paramref name="first"/>, ending with a slice or at <paramref name="end"/>.
    /// False when all that is left is 0.
    /// </summary>
    public async ValueTask<bool> ReadAsync(long tableOffset, long first, long end, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_canMapHoles && first < end)
        {
            StorageExtent extent = storage.GetExtent(tableOffset + (first * QedGeometry.EntryBytes));
            if (extent.IsHole)
            {
                long data = first + Math.Min(extent.LengthBytes / QedGeometry.EntryBytes, end - first);
                first = data < end ? Math.Max(first, data & ~(long)SliceKey.EntryMask) : data;
            }
        }

        First = first;
        Count = (int)Math.Min(end - first, ChunkEntries - (first & SliceKey.EntryMask));
        if (Count <= 0)
        {
            Count = 0;
            return false;
        }

        long offset = tableOffset + (first * QedGeometry.EntryBytes);
        Memory<byte> bytes = Bytes(0, Count);
        int read = await storage.ReadAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        if (read < bytes.Length)
        {
            throw new ImageException(
                ImageErrorKind.Io, $"{storage.Name}: the file is truncated: a table that should have {bytes.Length} bytes at {offset} has {read}.", storage.Name, "read", offset);
        }

        return true;
    }

    /// <summary>Reads one entry.</summary>
    public async ValueTask<ulong> GetAsync(long tableOffset, long index, CancellationToken cancellationToken) =>
        await ReadAsync(tableOffset, index, index + 1, cancellationToken).ConfigureAwait(false) ? this[0] : QedEntry.Unallocated;

    /// <summary>Writes entries that follow each other by <paramref name="increment"/>, without looking at what is there.</summary>
    public async ValueTask WriteAsync(long tableOffset, long first, long count, ulong value, ulong increment, CancellationToken cancellationToken)
    {
        for (long done = 0; done < count;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int part = (int)Math.Min(count - done, ChunkEntries);
            for (int i = 0; i < part && (done == 0 || increment != 0); i++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(_buffer.AsSpan(i * QedGeometry.EntryBytes), value + ((ulong)(done + i) * increment));
            }

            await storage.WriteAsync(tableOffset + ((first + done) * QedGeometry.EntryBytes), Bytes(0, part), cancellationToken).ConfigureAwait(false);
            done += part;
        }

        Count = 0;
    }

    /// <summary>Makes all entries of a range 0, or all 1, writing only where they are not. Returns how many named a place before.</summary>
    public async ValueTask<long> SetAsync(long tableOffset, long first, long end, ulong value, CancellationToken cancellationToken)
    {
        long named = 0;
        while (first < end)
        {
            long from = first;
            if (!await ReadAsync(tableOffset, first, end, cancellationToken).ConfigureAwait(false) && value == QedEntry.Unallocated)
            {
                return named;
            }

            if (value != QedEntry.Unallocated && First > from)
            {
                // A hole.
                await WriteAsync(tableOffset, from, First - from, value, 0, cancellationToken).ConfigureAwait(false);
                first = First;
                continue;
            }

            long chunk = First;
            int count = Count;
            bool differs = false;
            for (int i = 0; i < count; i++)
            {
                ulong entry = this[i];
                differs |= entry != value;
                named += entry > QedEntry.Zero ? 1 : 0;
            }

            if (differs)
            {
                await WriteAsync(tableOffset, chunk, count, value, 0, cancellationToken).ConfigureAwait(false);
            }

            first = chunk + count;
        }

        return named;
    }
}
