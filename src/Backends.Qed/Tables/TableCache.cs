using System.Runtime.InteropServices;

namespace QedVd.Backends.Qed;

/// <summary>
/// The slices of an image's tables that are in memory, in pages of the host's pool. Finding one takes no lock. Concurrent misses of one slice
/// load it once, and when the pool has no page to give, the sector that is needed is read by itself.
/// </summary>
internal sealed class TableCache
{
    private readonly IImageStorage _storage;
    private readonly TablePool _pool;
    private readonly SliceProof _proof;
    private readonly FreeTables _freeTables;
    private readonly TablePage?[] _l1;
    private readonly SliceIndex _l2;
    private readonly Lock _lock = new();

    // Slices being loaded, with what their waiters wait for, if there are any. Whoever is in here is alone with the slice, which is not in memory.
    private readonly Dictionary<long, TaskCompletionSource?> _loads = [];

    public TableCache(IImageStorage storage, TablePool pool, int l1Entries, SliceProof proof, FreeTables freeTables)
    {
        _storage = storage;
        _pool = pool;
        _proof = proof;
        _freeTables = freeTables;
        _l1 = new TablePage?[(l1Entries + SliceKey.EntryMask) >> SliceKey.EntryBits];
        _l2 = new SliceIndex(this);
    }

    /// <summary>The page that may hold a slice; its <see cref="TablePage.TryBeginRead"/> with this cache as the owner tells.</summary>
    public TablePage? FindL1(int l1Index) => Volatile.Read(ref _l1[l1Index >> SliceKey.EntryBits]);

    /// <inheritdoc cref="FindL1"/>
    public TablePage? FindL2(long key) => _l2.Find(key);

    /// <summary>Gets the entries of a slice, from memory or from the storage.</summary>
    /// <param name="key">The slice.</param>
    /// <param name="sliceOffset">Where it lies in the storage.</param>
    /// <param name="index">The entry that is needed.</param>
    /// <param name="forWriting">A page is needed, also beyond the budget.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public async ValueTask<SliceLease> AcquireAsync<TIo>(long key, long sliceOffset, int index, bool forWriting, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (true)
        {
            if (TryPin(key) is { } cached)
            {
                return new SliceLease(cached);
            }

            Task? other = null;
            lock (_lock)
            {
                if (TryPin(key) is { } page)
                {
                    return new SliceLease(page);
                }

                ref TaskCompletionSource? waiters = ref CollectionsMarshal.GetValueRefOrAddDefault(_loads, key, out bool loading);
                if (loading)
                {
                    waiters ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    other = waiters.Task;
                }
            }

            if (other is not null)
            {
                await TIo.WaitAsync(other, cancellationToken).ConfigureAwait(false);
                continue;
            }

            try
            {
                return _pool.Rent(this, key, forWriting) is { } page
                    ? await LoadAsync<TIo>(page, key, sliceOffset, cancellationToken).ConfigureAwait(false)
                    : await ReadSectorAsync<TIo>(key, sliceOffset, index, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                TaskCompletionSource? waiters;
                lock (_lock)
                {
                    _loads.Remove(key, out waiters);
                }

                waiters?.SetResult();
            }
        }
    }

    /// <summary>The failure of a request that meets an invalid entry. Reads the value again, to name it.</summary>
    public async ValueTask<ImageException> InvalidEntryAsync<TIo>(long key, long sliceOffset, int index, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long offset = sliceOffset + (index * sizeof(ulong));
        byte[] bytes = new byte[sizeof(ulong)];
        int read = await TIo.ReadAsync(_storage, offset, new IoBuffer(bytes), cancellationToken).ConfigureAwait(false);
        ulong raw = read == bytes.Length ? System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
        string what = SliceKey.IsL1(key)
            ? $"L1 entry {(SliceKey.L1Slice(key) << SliceKey.EntryBits) + index}"
            : $"L2 entry of disk cluster {(key << SliceKey.EntryBits) + index}";
        return new ImageException(
            ImageErrorKind.Corrupt,
            $"{_storage.Name}: {what} (at {offset}) is {raw}: {_proof.Describe(key, raw)}; check the image and repair it.",
            _storage.Name,
            "map",
            offset);
    }

    /// <summary>Gives all pages back. No request may be under way.</summary>
    public void Clear() => _pool.ReturnAll(this);

    private TablePage? TryPin(long key)
    {
        TablePage? page = SliceKey.IsL1(key) ? Volatile.Read(ref _l1[SliceKey.L1Slice(key)]) : _l2.Find(key);
        return page is not null && page.TryPin(this, key) ? page : null;
    }

    private async ValueTask<SliceLease> LoadAsync<TIo>(TablePage page, long key, long sliceOffset, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        bool published = false;
        try
        {
            int read = await TIo.ReadAsync(_storage, sliceOffset, new IoBuffer(page.Memory), cancellationToken).ConfigureAwait(false);
            if (read < TablePage.SizeBytes)
            {
                throw Truncated(sliceOffset, TablePage.SizeBytes);
            }

            _proof.Prove(key, page.Entries, 0);
            if (SliceKey.IsL1(key))
            {
                _freeTables.Note(SliceKey.L1Slice(key), page.Entries);
            }

            page.Publish();
            published = true;
            lock (_lock)
            {
                if (SliceKey.IsL1(key))
                {
                    Volatile.Write(ref _l1[SliceKey.L1Slice(key)], page);
                }
                else
                {
                    _l2.Add(key, page);
                }
            }

            return new SliceLease(page);
        }
        finally
        {
            if (!published)
            {
                _pool.Return(page);
            }
        }
    }

    private async ValueTask<SliceLease> ReadSectorAsync<TIo>(long key, long sliceOffset, int index, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        const int SectorEntries = QedGeometry.SectorBytes / sizeof(ulong);
        int first = index / SectorEntries * SectorEntries;
        long offset = sliceOffset + (first * sizeof(ulong));
        byte[] bytes = new byte[QedGeometry.SectorBytes];
        if (await TIo.ReadAsync(_storage, offset, new IoBuffer(bytes), cancellationToken).ConfigureAwait(false) < bytes.Length)
        {
            throw Truncated(offset, bytes.Length);
        }

        ulong[] sector = MemoryMarshal.Cast<byte, ulong>(bytes).ToArray();
        _proof.Prove(key, sector, first);
        return new SliceLease(sector, first);
    }

    private ImageException Truncated(long offset, int lengthBytes) =>
        new(
            ImageErrorKind.Io,
            $"{_storage.Name}: the file is truncated: a table needs {lengthBytes} bytes at {offset}, and the file has {_storage.GetLength()}.",
            _storage.Name,
            "read",
            offset);
}
