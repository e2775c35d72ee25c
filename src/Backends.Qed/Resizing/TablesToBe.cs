namespace QedVd.Backends.Qed;

/// <summary>
/// Tables that are made for a larger disk while the present one is in use: at the end of the file, and given back when it does not come to it.
/// </summary>
internal sealed class TablesToBe(IImageStorage storage, ClusterAllocator allocator, TableWriter writer, TouchedSlices touched, NewPart part, ResizeProgress progress)
{
    /// <summary>So much is written between two barriers.</summary>
    private const long BatchBytes = 64 << 20;

    private const int MaxTablesPerBatch = 8192;

    /// <summary>An L1 up to this size has all its room; of a larger one, the part that the disk uses.</summary>
    private const long WholeL1Bytes = 1 << 20;

    private const long RoomUnitBytes = 4096;

    private readonly List<Reservation> _made = [];
    private long _l1Offset = -1;

    /// <summary>Links tables that follow each other: the first L1 entry, how many, and where the first table is.</summary>
    public delegate ValueTask LinkTables(int first, int count, long tableOffset, CancellationToken cancellationToken);

    public NewPart Part => part;

    public StoredEntries Entries { get; } = new(storage);

    /// <summary>Entries behind the old end that named something, and were cleared.</summary>
    public long Named { get; set; }

    /// <summary>Whether the disk is larger now.</summary>
    public bool IsKept { get; private set; }

    private bool NeverWrittenReadsZero => (storage.Facts & StorageFacts.NeverWrittenReadsZero) != 0;

    /// <summary>Takes the room of that part of L1 that the disk will use and did not before, so that a full volume meets the resize and no later flush.</summary>
    public ValueTask TakeRoomInL1Async(QedHeader header, CancellationToken cancellationToken)
    {
        // What one unit of room holds of old entries has its room.
        long start = (((long)part.FirstTable * QedGeometry.EntryBytes) + RoomUnitBytes - 1) & -RoomUnitBytes;
        long end = UsedL1Bytes(header.Geometry);
        return header.Geometry.TableBytes <= WholeL1Bytes || end <= start
            ? default
            : storage.AllocateAsync(header.L1TableOffset + start, end - start, cancellationToken);
    }

    /// <summary>Makes an L1 table of zeros; returns where it is.</summary>
    public async ValueTask<long> MakeL1Async(QedGeometry geometry, CancellationToken cancellationToken)
    {
        long offset = _l1Offset = await ReserveAsync(geometry, 1, cancellationToken).ConfigureAwait(false);
        long room = NeverWrittenReadsZero && geometry.TableBytes > WholeL1Bytes ? UsedL1Bytes(geometry) : geometry.TableBytes;
        await ZeroAsync(offset, room, cancellationToken).ConfigureAwait(false);
        return offset;
    }

    /// <summary>Makes an L2 table of zeros, linked from nowhere; returns where it is.</summary>
    public async ValueTask<long> MakeTableAsync(QedGeometry geometry, CancellationToken cancellationToken)
    {
        long offset = await ReserveAsync(geometry, 1, cancellationToken).ConfigureAwait(false);
        await ZeroAsync(offset, geometry.TableBytes, cancellationToken).ConfigureAwait(false);
        return offset;
    }

    /// <summary>
    /// Makes the tables that hold nothing but markers, and links them: L1 entries below <paramref name="direct"/> by <paramref name="link"/>, the others in the
    /// storage. Links follow a barrier.
    /// </summary>
    public async ValueTask MakeMarkersAsync(QedHeader header, int direct, LinkTables link, CancellationToken cancellationToken)
    {
        QedGeometry geometry = header.Geometry;
        int batch = (int)Math.Clamp(BatchBytes / geometry.TableBytes, 1, MaxTablesPerBatch);
        progress.Add((part.MarkEndTable - part.FirstTable) * geometry.TableBytes);
        for (int first = part.FirstTable, count; first < part.MarkEndTable; first += count)
        {
            count = Math.Min(batch, part.MarkEndTable - first);
            long tables = await ReserveAsync(geometry, count, cancellationToken).ConfigureAwait(false);
            long entries = (long)count << geometry.EntryBits;
            long markers = Math.Min(entries, part.MarkEnd - ((long)first << geometry.EntryBits));
            await Entries.WriteAsync(tables, 0, markers, QedEntry.Zero, 0, cancellationToken).ConfigureAwait(false);
            await ZeroAsync(tables + (markers * QedGeometry.EntryBytes), (entries - markers) * QedGeometry.EntryBytes, cancellationToken).ConfigureAwait(false);
            await writer.CommitAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);

            int cached = Math.Clamp(direct - first, 0, count);
            if (cached > 0)
            {
                await link(first, cached, tables, cancellationToken).ConfigureAwait(false);
            }

            for (int slice = first + cached; slice < first + count; slice += TablePage.EntryCount)
            {
                touched.Add(SliceKey.ForL1(slice));
            }

            touched.Add(SliceKey.ForL1(first + count - 1));
            await Entries.WriteAsync(
                header.L1TableOffset, first + cached, count - cached, (ulong)(tables + (cached * geometry.TableBytes)), (ulong)geometry.TableBytes, cancellationToken).ConfigureAwait(false);
            progress.Advance(count * geometry.TableBytes, "marking what lies beneath");
        }
    }

    /// <summary>The header names them now: they stay, and the set learns where L2 tables are.</summary>
    public void Keep(KnownTables known)
    {
        IsKept = true;
        foreach (Reservation made in _made.Where(made => made.Offset != _l1Offset))
        {
            known.AddRun(made.Offset, made.Clusters);
        }

        _made.Clear();
    }

    /// <summary>
    /// Gives back what was made, to be used for other things, the end of the file for new tables too. Nothing durable refers to it; no request is under way
    /// that allocates.
    /// </summary>
    public void GiveBack(QedGeometry geometry)
    {
        for (int i = _made.Count - 1; i >= 0; i--)
        {
            Reservation made = _made[i];
            if (!allocator.TryLowerEnd(made.Offset + (made.Clusters * geometry.ClusterBytes), made.Offset))
            {
                allocator.GiveBack(made with { IsFresh = false });
            }
        }

        _made.Clear();
    }

    private long UsedL1Bytes(QedGeometry geometry) =>
        Math.Min(geometry.TableBytes, (((long)part.EndTable * QedGeometry.EntryBytes) + RoomUnitBytes - 1) & -RoomUnitBytes);

    private async ValueTask<long> ReserveAsync(QedGeometry geometry, int tables, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Reservation room = allocator.ReserveFresh(tables * geometry.TableClusters);
        try
        {
            await allocator.EnsureLengthAsync<AsyncIo>(room.Offset + (tables * geometry.TableBytes), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            allocator.Withdraw(room);
            throw;
        }

        _made.Add(room);
        return room.Offset;
    }

    private ValueTask ZeroAsync(long offset, long lengthBytes, CancellationToken cancellationToken) => lengthBytes == 0
        ? default
        : NeverWrittenReadsZero
            ? storage.AllocateAsync(offset, lengthBytes, cancellationToken)
            : StorageZeros.WriteAsync<AsyncIo>(storage, offset, lengthBytes, cancellationToken);
}
