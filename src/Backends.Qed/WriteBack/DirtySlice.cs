namespace QedVd.Backends.Qed;

/// <summary>A pinned slice with entries that were published in memory and are not in the storage yet. Guarded by its <see cref="DirtyTables"/>.</summary>
internal sealed class DirtySlice
{
    public const int SectorEntries = QedGeometry.SectorBytes / sizeof(ulong);
    public const int SectorCount = TablePage.EntryCount / SectorEntries;

    /// <summary>The page; this object holds one pin of it.</summary>
    public TablePage Page { get; private set; } = null!;

    public long Key { get; private set; }

    /// <summary>Where the slice lies in the storage.</summary>
    public long StorageOffset { get; private set; }

    /// <summary>The table that it belongs to, when that was made in this session and its link was not yet written at the time.</summary>
    public NewTable? Table { get; private set; }

    /// <summary>Sectors, one bit each, with entries that no write-back has taken up.</summary>
    public byte Pending { get; set; }

    /// <summary>Sectors, one bit each, with an entry that must not reach the storage before a barrier after its data.</summary>
    public byte Ordered { get; set; }

    /// <summary>Sectors that a write-back under way has taken.</summary>
    public byte Taken { get; set; }

    /// <summary>The <see cref="Ordered"/> bits of what was taken.</summary>
    public byte TakenOrdered { get; set; }

    /// <summary>Where the last cluster ends that a pending entry names.</summary>
    public long DataEnd { get; set; }

    public bool IsUnlinked => Table is { IsLinked: false };

    public void Begin(TablePage page, long key, long storageOffset, NewTable? table)
    {
        Page = page;
        Key = key;
        StorageOffset = storageOffset;
        Table = table;
        Pending = Ordered = Taken = TakenOrdered = 0;
        DataEnd = 0;
    }

    /// <summary>The sectors that hold some entries, one bit each.</summary>
    public static byte Sectors(int firstEntry, int count)
    {
        int first = firstEntry / SectorEntries;
        int last = (firstEntry + count - 1) / SectorEntries;
        return (byte)((0xFF << first) & (0xFF >> (SectorCount - 1 - last)));
    }
}
