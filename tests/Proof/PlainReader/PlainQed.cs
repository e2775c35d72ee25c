using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace QedVd.PlainReader;

/// <summary>Reads bytes at an offset. May give fewer than asked for; 0 means that there is nothing at this offset.</summary>
public delegate int ReadAt(long offset, Span<byte> buffer);

/// <summary>A read-only QED image, as plainly as it can be told: no cache, no repair, nothing kept but the header. Not thread-safe.</summary>
public sealed class PlainQed
{
    private const int HeaderBytes = 64, MaximumNameBytes = 4095, EntryBytes = 8, PieceBytes = 65536;
    private const ulong HasParent = 1, MustCheck = 2, ParentIsRaw = 4, ZeroEntry = 1;

    private readonly ReadAt _file;
    private readonly long _wholeBytes, _headerAreaBytes, _tableBytes, _entries, _l1Offset;

    private PlainQed(long lengthBytes, ReadAt file)
    {
        _file = file;
        Require(lengthBytes >= HeaderBytes, "header", $"truncated, the file has {lengthBytes} bytes");
        Span<byte> header = stackalloc byte[HeaderBytes];
        ReadFile(0, header);
        uint magic = U32(header, 0), cluster = U32(header, 4), table = U32(header, 8), area = U32(header, 12);
        ulong l1 = U64(header, 40), size = U64(header, 48);
        uint nameOffset = U32(header, 56), nameBytes = U32(header, 60);
        Features = U64(header, 16);

        Require(magic == 0x00444551, "magic", $"0x{magic:x8} is not QED");
        ulong unknown = Features & ~(HasParent | MustCheck | ParentIsRaw);
        Require(unknown == 0, "features", $"unknown bits 0x{unknown:x}");
        Require(BitOperations.IsPow2(cluster) && cluster is >= 1 << 12 and <= 1 << 26, "cluster_size", $"{cluster}");
        Require(BitOperations.IsPow2(table) && table is >= 1 and <= 16, "table_size", $"{table}");
        ClusterBytes = (int)cluster;
        _wholeBytes = lengthBytes - (lengthBytes % cluster); // a partial cluster at the end is no part of the image
        _tableBytes = (long)table * cluster;
        _entries = _tableBytes / EntryBytes;

        UInt128 maximum = (UInt128)_entries * (UInt128)_entries * cluster;
        Require(size % 512 == 0, "image_size", $"{size} is no multiple of 512");
        Require(size <= maximum && size <= long.MaxValue, "image_size", $"{size} is above {maximum} or above {long.MaxValue}");
        VirtualSizeBytes = (long)size;

        Require(area > 0, "header_size", "0");
        _headerAreaBytes = (long)area * cluster;
        Require(l1 >= (ulong)_headerAreaBytes, "l1_table_offset", $"{l1} is inside the header area of {_headerAreaBytes} bytes");
        Require(Fits(l1, _tableBytes), "l1_table_offset", $"{l1} is not aligned, or the table leaves the file");
        _l1Offset = (long)l1;

        if ((Features & HasParent) == 0) return;
        Require((long)nameOffset + nameBytes <= _headerAreaBytes, "backing_filename", $"{nameOffset}+{nameBytes} leaves the header area");
        Require(nameBytes <= MaximumNameBytes, "backing_filename_size", $"{nameBytes} is above {MaximumNameBytes}");
        byte[] name = new byte[nameBytes];
        ReadFile(nameOffset, name);
        ParentNameBytes = name;
    }

    /// <summary>The size of the guest's disk.</summary>
    public long VirtualSizeBytes { get; }
    /// <summary>The size of a cluster.</summary>
    public int ClusterBytes { get; }
    /// <summary>The incompatible feature bits as they are in the file.</summary>
    public ulong Features { get; }
    /// <summary>The image says of itself that its tables may be inconsistent.</summary>
    public bool NeedsCheck => (Features & MustCheck) != 0;
    /// <summary>The parent's name, or null without one. What is not UTF-8 in it is replaced: see <see cref="ParentNameBytes"/>.</summary>
    public string? ParentName => ParentNameBytes.IsEmpty ? null : Encoding.UTF8.GetString(ParentNameBytes.Span);
    /// <summary>The parent's name as it is in the file; empty without one.</summary>
    public ReadOnlyMemory<byte> ParentNameBytes { get; }
    /// <summary>The parent is raw bytes, and its format must not be guessed.</summary>
    public bool IsParentRaw => ParentName is not null && (Features & ParentIsRaw) != 0;

    /// <summary>Opens an image of this length. Throws <see cref="PlainQedException"/> for a header that must be rejected.</summary>
    public static PlainQed Open(long lengthBytes, ReadAt file) => new(lengthBytes, file);

    /// <summary>What the tables say about the cluster that holds this byte. Judges its two entries alone, not who else claims the same.</summary>
    public PlainCluster At(long guestOffset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(guestOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(guestOffset, VirtualSizeBytes);
        (long l1Index, long l2Index) = Math.DivRem(guestOffset / ClusterBytes, _entries);
        ulong table = Entry(_l1Offset, l1Index);
        if (table == 0) return new(PlainClusterKind.Free, 0);
        if (!CanHold(table, _tableBytes)) return new(PlainClusterKind.Invalid, 0);
        ulong cluster = Entry((long)table, l2Index);
        if (cluster == 0) return new(PlainClusterKind.Free, 0);
        if (cluster == ZeroEntry) return new(PlainClusterKind.Zero, 0);
        return CanHold(cluster, ClusterBytes) ? new(PlainClusterKind.Data, (long)cluster) : new(PlainClusterKind.Invalid, 0);
    }

    /// <summary>Reads the guest's disk, fewer bytes than asked for only at its end. What is free comes from the parent, zeros where that ends.
    /// Throws <see cref="PlainQedException"/> at an invalid entry.</summary>
    public int Read(long guestOffset, Span<byte> buffer, ReadAt? parent = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(guestOffset);
        int total = (int)Math.Min(buffer.Length, Math.Max(0, VirtualSizeBytes - guestOffset));
        for (int done = 0; done < total;)
        {
            long offset = guestOffset + done;
            int inCluster = (int)(offset % ClusterBytes);
            Span<byte> piece = buffer.Slice(done, Math.Min(total - done, ClusterBytes - inCluster));
            PlainCluster cluster = At(offset);
            if (cluster.Kind == PlainClusterKind.Invalid) throw new PlainQedException("table entry", $"invalid for the guest's byte {offset}");
            if (cluster.Kind == PlainClusterKind.Data) ReadFile(cluster.FileOffset + inCluster, piece);
            else piece[(cluster.Kind == PlainClusterKind.Free && parent is not null ? ReadFully(parent, offset, piece) : 0)..].Clear();
            done += piece.Length;
        }
        return total;
    }

    /// <summary>Walks all tables, whatever <see cref="NeedsCheck"/> says. A wrong entry is one corruption; a table with two owners is walked once.</summary>
    public PlainCheck Check()
    {
        HashSet<long> used = [];
        Claim(used, 0, _headerAreaBytes);
        Claim(used, _l1Offset, _tableBytes);
        long corruptions = 0;
        List<long> tables = [];
        foreach (ulong entry in AllEntries(_l1Offset))
            if (Fits(entry, _tableBytes) && Claim(used, (long)entry, _tableBytes)) tables.Add((long)entry);
            else corruptions++;
        foreach (ulong entry in tables.SelectMany(AllEntries))
            if (entry != ZeroEntry && !(Fits(entry, ClusterBytes) && Claim(used, (long)entry, ClusterBytes))) corruptions++;
        return new(corruptions, (_wholeBytes / ClusterBytes) - used.Count);
    }

    private bool Claim(HashSet<long> used, long offset, long lengthBytes)
    {
        int before = used.Count;
        for (long at = 0; at < lengthBytes; at += ClusterBytes) used.Add((offset + at) / ClusterBytes);
        return used.Count - before == lengthBytes / ClusterBytes; // all of them were free
    }

    private IEnumerable<ulong> AllEntries(long table)
    {
        byte[] piece = new byte[Math.Min(_tableBytes, PieceBytes)];
        for (long done = 0; done < _tableBytes; done += piece.Length)
        {
            ReadFile(table + done, piece);
            for (int at = 0; at < piece.Length; at += EntryBytes)
                if (U64(piece, at) is not 0 and var entry) yield return entry;
        }
    }

    private ulong Entry(long table, long index)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        ReadFile(table + (index * EntryBytes), entry);
        return U64(entry, 0);
    }

    private bool Fits(ulong offset, long lengthBytes) =>
        offset % (ulong)ClusterBytes == 0 && lengthBytes <= _wholeBytes && offset <= (ulong)(_wholeBytes - lengthBytes);

    private bool CanHold(ulong offset, long lengthBytes) => Fits(offset, lengthBytes) && (long)offset >= _headerAreaBytes
        && ((long)offset >= _l1Offset + _tableBytes || (long)offset + lengthBytes <= _l1Offset);

    private void ReadFile(long offset, Span<byte> buffer) =>
        Require(ReadFully(_file, offset, buffer) == buffer.Length, "file", $"ended before {offset} + {buffer.Length}");

    private static int ReadFully(ReadAt source, long offset, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length && source(offset + done, buffer[done..]) is > 0 and var read) done += read;
        return done;
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private static void Require(bool holds, string field, string reason)
    {
        if (!holds) throw new PlainQedException(field, reason);
    }
}
