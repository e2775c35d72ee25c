using System.Buffers.Binary;
using System.Security.Cryptography;

namespace QedVd.TestKit;

/// <summary>
/// The bytes of a simulated file: sparse, so that a petabyte costs nothing, and cheap to copy. Not thread safe.
/// It knows which sectors were ever written: after a power loss on a storage without
/// <see cref="StorageFacts.NeverWrittenReadsZero"/> the others read as <see cref="Garbage"/>.
/// </summary>
public sealed class SparseBytes
{
    /// <summary>What a disk writes as a whole.</summary>
    public const int SectorBytes = 512;

    /// <summary>What a hole is a multiple of.</summary>
    public const int PageBytes = 4096;

    /// <summary>What stands where nothing was ever written.</summary>
    public const byte Garbage = 0xDB;

    private const int SectorsPerPage = PageBytes / SectorBytes;

    // Beyond that only the pages that exist are punched: what was never written there keeps counting as never written.
    private const long LongestRememberedPunchBytes = 1L << 30;

    private readonly Dictionary<long, Page> _pages;
    private object _owner = new();
    private long _garbageBelow;

    /// <summary>No bytes.</summary>
    public SparseBytes() => _pages = [];

    private SparseBytes(SparseBytes other)
    {
        _pages = new Dictionary<long, Page>(other._pages);
        LengthBytes = other.LengthBytes;
        _garbageBelow = other._garbageBelow;
    }

    /// <summary>The length.</summary>
    public long LengthBytes { get; private set; }

    /// <summary>Room in use.</summary>
    public long AllocatedBytes => (long)_pages.Values.Count(page => page.HasData || page.IsReserved) * PageBytes;

    /// <summary>A copy that shares pages until one of the two changes them.</summary>
    public SparseBytes Clone()
    {
        _owner = new object();
        return new SparseBytes(this);
    }

    /// <summary>Reads; short at the end only.</summary>
    public int Read(long offset, Span<byte> buffer)
    {
        int length = (int)Math.Clamp(LengthBytes - offset, 0, buffer.Length);
        for (int done = 0; done < length;)
        {
            long index = (offset + done) / PageBytes;
            int start = (int)((offset + done) % PageBytes);
            int count = Math.Min(PageBytes - start, length - done);
            ReadPage(index, start, buffer.Slice(done, count));
            done += count;
        }

        return length;
    }

    /// <summary>Writes; grows the length where needed.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (data.Length > 0 && offset + data.Length > LengthBytes)
        {
            SetLength(offset + data.Length);
        }

        for (int done = 0; done < data.Length;)
        {
            long index = (offset + done) / PageBytes;
            int start = (int)((offset + done) % PageBytes);
            int count = Math.Min(PageBytes - start, data.Length - done);
            Page page = PageForWriting(index);
            Settle(page, index, start, count);
            data.Slice(done, count).CopyTo(page.Bytes.AsSpan(start));
            page.HasData = true;
            done += count;
        }
    }

    /// <summary>Grows with a hole, or cuts.</summary>
    public void SetLength(long lengthBytes)
    {
        if (lengthBytes < LengthBytes)
        {
            Cut(lengthBytes);
        }
        else if (LengthBytes % SectorBytes != 0 && LengthBytes - (LengthBytes % SectorBytes) < _garbageBelow)
        {
            Page page = PageForWriting(LengthBytes / PageBytes);
            int tail = (int)(LengthBytes % PageBytes);
            Settle(page, LengthBytes / PageBytes, tail, 1);
            page.Bytes.AsSpan(tail, SectorBytes - (tail % SectorBytes)).Clear();
        }

        LengthBytes = lengthBytes;
    }

    /// <summary>Makes a range read as zero, whole pages of it without any room. The length stays.</summary>
    public void PunchHole(long offset, long lengthBytes)
    {
        long end = Math.Min(offset + lengthBytes, LengthBytes);
        if (offset >= end)
        {
            return;
        }

        foreach (long index in PagesIn(offset, end, alsoMissing: end - offset <= LongestRememberedPunchBytes))
        {
            long first = Math.Max(offset, index * PageBytes);
            long last = Math.Min(end, (index + 1) * PageBytes);
            if (first % PageBytes == 0 && (last - first == PageBytes || last == LengthBytes))
            {
                _pages[index] = Page.Punched;
                continue;
            }

            Page page = PageForWriting(index);
            int start = (int)(first % PageBytes);
            Settle(page, index, start, (int)(last - first));
            page.Bytes.AsSpan(start, (int)(last - first)).Clear();
        }
    }

    /// <summary>Takes room where nothing was written, growing the length: it reads as zero, now and later.</summary>
    public void Allocate(long offset, long lengthBytes)
    {
        if (lengthBytes > 0 && offset + lengthBytes > LengthBytes)
        {
            SetLength(offset + lengthBytes);
        }

        for (long index = offset / PageBytes; index * PageBytes < offset + lengthBytes; index++)
        {
            Page page = PageForWriting(index);
            page.IsReserved = true;
            int first = (int)(Math.Max(offset, index * PageBytes) % PageBytes) / SectorBytes;
            int end = (int)((Math.Min(offset + lengthBytes, (index + 1) * PageBytes) - (index * PageBytes) + SectorBytes - 1) / SectorBytes);
            for (int sector = first; sector < end; sector++)
            {
                page.Written |= (byte)(1 << sector);
            }
        }
    }

    /// <summary>The run of data or hole at an offset.</summary>
    public StorageExtent GetExtent(long offset)
    {
        if (offset >= LengthBytes)
        {
            return new StorageExtent(0, IsHole: false);
        }

        long index = offset / PageBytes;
        bool isHole = IsHole(index);
        long end;
        if (isHole)
        {
            end = _pages.Where(pair => pair.Key > index && pair.Value.HasData).Select(pair => pair.Key).DefaultIfEmpty(long.MaxValue / PageBytes).Min();
        }
        else
        {
            for (end = index + 1; end * PageBytes < LengthBytes && !IsHole(end); end++)
            {
            }
        }

        return new StorageExtent(Math.Min(LengthBytes, end * PageBytes) - offset, isHole);
    }

    /// <summary>A power loss: what was never written below the length holds <see cref="Garbage"/> from now on.</summary>
    public void LoseNeverWritten() => _garbageBelow = LengthBytes;

    /// <summary>Whether a sector was ever written.</summary>
    public bool IsWritten(long sector) =>
        _pages.TryGetValue(sector / SectorsPerPage, out Page? page) && (page.Written & (1 << (int)(sector % SectorsPerPage))) != 0;

    /// <summary>The sectors of a range that were ever written, in order.</summary>
    public IEnumerable<long> WrittenSectors(long offset, long end)
    {
        foreach (long index in PagesIn(offset, end, alsoMissing: false))
        {
            for (long sector = index * SectorsPerPage; sector < (index + 1) * SectorsPerPage; sector++)
            {
                if (sector >= offset / SectorBytes && sector * SectorBytes < end && IsWritten(sector))
                {
                    yield return sector;
                }
            }
        }
    }

    /// <summary>A number for the content: equal when length and every byte are.</summary>
    public string ComputeHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, LengthBytes);
        hash.AppendData(number);
        Span<byte> bytes = new byte[PageBytes];
        foreach (long index in PagesIn(0, LengthBytes, alsoMissing: _garbageBelow > 0))
        {
            int length = Read(index * PageBytes, bytes);
            if (bytes[..length].ContainsAnyExcept((byte)0))
            {
                BinaryPrimitives.WriteInt64LittleEndian(number, index);
                hash.AppendData(number);
                hash.AppendData(bytes[..length]);
            }
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>Makes a sector one that was never written.</summary>
    internal void Forget(long sector)
    {
        if (IsWritten(sector))
        {
            Page page = PageForWriting(sector / SectorsPerPage);
            int place = (int)(sector % SectorsPerPage);
            page.Written &= (byte)~(1 << place);
            page.Bytes.AsSpan(place * SectorBytes, SectorBytes).Clear();
        }
    }

    /// <summary>Every sector that was ever written, with its content.</summary>
    internal IEnumerable<(long Sector, ReadOnlyMemory<byte> Bytes)> Sectors()
    {
        foreach ((long index, Page page) in _pages)
        {
            for (int sector = 0; sector < SectorsPerPage; sector++)
            {
                if ((page.Written & (1 << sector)) != 0 && (index * PageBytes) + (sector * SectorBytes) < LengthBytes)
                {
                    yield return ((index * SectorsPerPage) + sector, page.Bytes.AsMemory(sector * SectorBytes, SectorBytes));
                }
            }
        }
    }

    private bool IsHole(long index) => !(_pages.TryGetValue(index, out Page? page) && page.HasData);

    private IEnumerable<long> PagesIn(long offset, long end, bool alsoMissing)
    {
        long first = offset / PageBytes;
        long last = (end + PageBytes - 1) / PageBytes;
        if (alsoMissing || last - first < _pages.Count)
        {
            for (long index = first; index < last; index++)
            {
                if (alsoMissing || _pages.ContainsKey(index))
                {
                    yield return index;
                }
            }

            yield break;
        }

        foreach (long index in _pages.Keys.Where(key => key >= first && key < last).Order().ToArray())
        {
            yield return index;
        }
    }

    private void ReadPage(long index, int start, Span<byte> target)
    {
        if (_pages.TryGetValue(index, out Page? page))
        {
            page.Bytes.AsSpan(start, target.Length).CopyTo(target);
        }
        else
        {
            target.Clear();
        }

        if (index * PageBytes < _garbageBelow && (page?.Written ?? 0) != 0xFF)
        {
            LeaveGarbage(index, start, target, page?.Written ?? 0);
        }
    }

    private void LeaveGarbage(long index, int start, Span<byte> target, byte written)
    {
        for (int at = start; at < start + target.Length;)
        {
            int sector = at / SectorBytes;
            int end = Math.Min((sector + 1) * SectorBytes, start + target.Length);
            if ((written & (1 << sector)) == 0 && (index * PageBytes) + (sector * SectorBytes) < _garbageBelow)
            {
                target[(at - start)..(end - start)].Fill(Garbage);
            }

            at = end;
        }
    }

    // Sectors that are about to be written in part keep, for good, what they read as now.
    private void Settle(Page page, long index, int start, int count)
    {
        for (int sector = start / SectorBytes; sector * SectorBytes < start + count; sector++)
        {
            byte bit = (byte)(1 << sector);
            if ((page.Written & bit) == 0)
            {
                ReadPage(index, sector * SectorBytes, page.Bytes.AsSpan(sector * SectorBytes, SectorBytes));
                page.Written |= bit;
            }
        }
    }

    private void Cut(long lengthBytes)
    {
        long boundary = lengthBytes / PageBytes;
        int tail = (int)(lengthBytes % PageBytes);
        foreach (long index in PagesIn(lengthBytes, LengthBytes, alsoMissing: false).ToArray())
        {
            if (index > boundary || tail == 0)
            {
                _pages.Remove(index);
                continue;
            }

            Page page = PageForWriting(index);
            page.Bytes.AsSpan(tail).Clear();
            page.Written &= (byte)((1 << ((tail + SectorBytes - 1) / SectorBytes)) - 1);
        }

        _garbageBelow = Math.Min(_garbageBelow, lengthBytes);
    }

    private Page PageForWriting(long index)
    {
        if (!_pages.TryGetValue(index, out Page? page))
        {
            page = new Page(_owner, new byte[PageBytes]);
            _pages.Add(index, page);
        }
        else if (!ReferenceEquals(page.Owner, _owner))
        {
            page = new Page(_owner, (byte[])page.Bytes.Clone()) { Written = page.Written, HasData = page.HasData, IsReserved = page.IsReserved };
            _pages[index] = page;
        }

        return page;
    }

    private sealed class Page(object owner, byte[] bytes)
    {
        /// <summary>Stands for every page that was punched: it reads as zero for good, and uses no room.</summary>
        public static Page Punched { get; } = new(new object(), new byte[PageBytes]) { Written = 0xFF };

        public object Owner { get; } = owner;

        public byte[] Bytes { get; } = bytes;

        public byte Written { get; set; }

        public bool HasData { get; set; }

        public bool IsReserved { get; set; }
    }
}
