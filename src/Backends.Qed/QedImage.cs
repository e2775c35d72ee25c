using System.Diagnostics.CodeAnalysis;

namespace QedVd.Backends.Qed;

/// <summary>
/// An open QED image: how its parts fit together, and what is known of it without reading tables. Reads are in Io, allocation in Allocation,
/// the way of changed tables to the storage in WriteBack.
/// </summary>
internal sealed partial class QedImage : DiskImageBase
{
    private readonly IImageStorage _storage;
    private readonly ImageOpenOptions _options;
    private readonly TablePool _pool;
    private KnownTables _knownTables;
    private TableCensus _census;
    private readonly TouchedSlices _touched = new();
    private readonly ClusterAllocator _allocator;
    private FreeTables _freeTables;
    private TableMap _map;
    private readonly RequestEpochs _epochs = new();
    private readonly RunClaims _claims = new();
    private readonly DirtyTables _dirty;
    private readonly TableWriter _writer;
    private readonly WriteBackTimer _timer;
    private readonly int _clusterBits;
    private readonly long _clusterBytes;
    private QedHeader _header;
    private long _virtualSizeBytes;
    private volatile ImageOpenFlags _openFlags;
    private BeneathHolder _beneath;

    /// <summary>Goes on from an opening. Does no I/O.</summary>
    public QedImage(QedImageStart start)
    {
        ArgumentNullException.ThrowIfNull(start);
        Start = start with { Tables = null };
        _storage = start.Storage;
        _options = start.Options;
        _header = start.Header;
        _openFlags = start.Options.Flags;
        _pool = start.Options.Tables ?? new TablePool();
        _clusterBits = _header.Geometry.ClusterBits;
        _clusterBytes = _header.Geometry.ClusterBytes;
        _virtualSizeBytes = _header.VirtualSizeBytes;
        _beneath = new BeneathHolder(start.Parent is null ? Beneath.Nothing : Beneath.Unknown);
        _parent = start.Parent;
        _warnings = start.Warnings;
        bool withoutBarriers = start.Options.Mode == ConsistencyMode.Unsafe;
        _allocator = new ClusterAllocator(_storage, _header.Geometry, start, withoutBarriers);
        _dirty = new DirtyTables(_pool, _touched);
        _writer = new TableWriter(_storage, _allocator, _dirty, withoutBarriers);
        _timer = new WriteBackTimer(start.Options.Time, _writer, _dirty);
        ForgetTables(start.Tables ?? new KnownTables(_header.Geometry, start.IsReadOnly ? KnownTables.MaxTablesToRead : KnownTables.MaxTables), areUnknown: start.IsReadOnly);
    }

    /// <inheritdoc/>
    public override BackendInfo Backend => Start.Backend;

    /// <inheritdoc/>
    public override string Name => _storage.Name;

    /// <inheritdoc/>
    public override ImageCapabilities Capabilities => IsReadOnly
        ? Start.Backend.Capabilities & ~(ImageCapabilities.Write | ImageCapabilities.Discard | ImageCapabilities.WriteZeroes
            | ImageCapabilities.Grow | ImageCapabilities.Shrink | ImageCapabilities.SetParent | ImageCapabilities.Compact)
        : CanPunchHoles ? Start.Backend.Capabilities : Start.Backend.Capabilities & ~ImageCapabilities.Discard;

    /// <inheritdoc/>
    public override ImageFlags Flags =>
        (Parent is null ? ImageFlags.None : ImageFlags.Differencing) | (Header.NeedsCheck ? ImageFlags.NeedsCheck : ImageFlags.None);

    /// <inheritdoc/>
    public override ImageOpenFlags OpenFlags => _openFlags;

    /// <inheritdoc/>
    public override long VirtualSizeBytes => Volatile.Read(ref _virtualSizeBytes);

    /// <inheritdoc/>
    public override ImageLimits Limits => new(AlignmentBytes: 1, (int)_clusterBytes, (int)_clusterBytes);

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> CreationOptions => QedOptions.ToRecreate(_header.Geometry);

    /// <summary>The header as the storage has it.</summary>
    internal QedHeader Header => Volatile.Read(ref _header);

    /// <summary>Slices of tables that are to be written.</summary>
    internal int DirtySlices => _dirty.Count;

    /// <summary>What the opening handed over, but for where the tables are.</summary>
    internal QedImageStart Start { get; }

    /// <inheritdoc/>
    public override ImageFileSize GetFileSize() => new(_storage.GetLength(), _storage.GetAllocatedBytes());

    /// <inheritdoc/>
    public override void Dump(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        QedDump.Write(output, _storage, Header, Parent);
        output.WriteLine($"mode             {_options.Mode}, {_openFlags}");
        output.WriteLine($"allocated up to  {_allocator.AllocatedEnd} of {_storage.GetLength()} bytes");
        output.WriteLine($"table memory     {_pool.PagesInUse} of {_pool.CapacityPages} pages of {TablePage.SizeBytes} bytes, shared; {_dirty.Count} slices of this image to be written");
    }

    /// <summary>Starts over with nothing in memory of the tables but where they are.</summary>
    [MemberNotNull(nameof(_knownTables), nameof(_census), nameof(_freeTables), nameof(_map))]
    private void ForgetTables(KnownTables known, bool areUnknown = false)
    {
        int l1Entries = _header.Geometry.L1EntriesFor(_header.VirtualSizeBytes);
        _knownTables = known;
        _freeTables = new FreeTables(_header.Geometry, l1Entries);
        SliceProof proof = new(_header, _knownTables, _allocator, _touched);
        _census = new TableCensus(_storage, _header, _knownTables, _allocator, areUnknown);
        _map = new TableMap(_header, _knownTables, _census, new TableCache(_storage, _pool, l1Entries, proof, _freeTables));
    }

    /// <summary>A boxed answer, so that it is read and replaced in one piece.</summary>
    private sealed class BeneathHolder(Beneath value)
    {
        public Beneath Value => value;
    }
}
