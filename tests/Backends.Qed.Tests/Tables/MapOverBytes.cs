using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Tables;

/// <summary>The map of an image that is laid down byte by byte, without the rest of the engine.</summary>
internal sealed class MapOverBytes : IDisposable
{
    private readonly SimulatedStorage _storage;

    public MapOverBytes(QedImageBytes bytes, int poolPages)
    {
        _storage = bytes.File.Open();
        QedHeader header = bytes.Header.Parse(bytes.File.LengthBytes);
        Pool = new TablePool(Math.Max(1, poolPages) * (long)TablePage.SizeBytes);
        KnownTables tables = new(header.Geometry);
        Allocator = new ClusterAllocator(_storage, header.Geometry, StartOf(header, bytes.File.LengthBytes), withoutBarriers: false);
        int l1Entries = header.Geometry.L1EntriesFor(header.VirtualSizeBytes);
        Cache = new TableCache(_storage, Pool, l1Entries, new SliceProof(header, tables, Allocator, Touched), new FreeTables(header.Geometry, l1Entries));
        Map = new TableMap(header, tables, new TableCensus(_storage, header, tables, Allocator, isDue: true), Cache);

        // Where there is no page to give, somebody else has the only one.
        if (poolPages == 0)
        {
            Pool.Rent(this, 0);
        }
    }

    public TablePool Pool { get; }

    public ClusterAllocator Allocator { get; }

    public TouchedSlices Touched { get; } = new();

    public TableCache Cache { get; }

    public TableMap Map { get; }

    public MapRun Lookup(long offset, long lengthBytes) => SyncIo.Complete(Map.LookupAsync<SyncIo>(offset, lengthBytes, default));

    public bool TryLookup(long offset, long lengthBytes, out MapRun run) => Map.TryLookup(offset, lengthBytes, out run);

    public void Dispose() => _storage.Dispose();

    private QedImageStart StartOf(QedHeader header, long fileBytes) => new()
    {
        Backend = new QedBackend().Info,
        Storage = _storage,
        Header = header,
        Parent = null,
        Options = new ImageOpenOptions { Time = new FakeTime() },
        FileLengthBytes = fileBytes,
    };
}
