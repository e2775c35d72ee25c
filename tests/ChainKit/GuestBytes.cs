namespace QedVd.ChainKit;

/// <summary>What a guest must read: bytes, sparse. A copy shares pages until one of the two changes them. Not thread safe.</summary>
public sealed class GuestBytes
{
    private const int PageBytes = 4096;
    private const int ReadAllBytes = 24 << 20;
    private const int StepBytes = 1 << 20;

    private readonly Dictionary<long, byte[]> _pages;
    private readonly HashSet<long> _shared = [];

    public GuestBytes(long lengthBytes) => (_pages, LengthBytes) = ([], lengthBytes);

    private GuestBytes(GuestBytes other)
    {
        _pages = new Dictionary<long, byte[]>(other._pages);
        _shared = [.. _pages.Keys];
        LengthBytes = other.LengthBytes;
    }

    public long LengthBytes { get; private set; }

    /// <summary>Where anything was ever written, in order; zeros may be among it.</summary>
    public IEnumerable<(long Offset, int LengthBytes)> Pages =>
        _pages.Keys.Order().Select(index => (index * PageBytes, (int)Math.Min(PageBytes, LengthBytes - (index * PageBytes))));

    public GuestBytes Clone()
    {
        _shared.UnionWith(_pages.Keys);
        return new GuestBytes(this);
    }

    /// <summary>A copy of another length: cut, or zeros behind.</summary>
    public GuestBytes CloneAs(long lengthBytes)
    {
        GuestBytes copy = Clone();
        if (lengthBytes < copy.LengthBytes)
        {
            copy.Zero(lengthBytes, copy.LengthBytes - lengthBytes);
            foreach (long index in copy._pages.Keys.Where(index => index * PageBytes >= lengthBytes).ToArray())
            {
                copy._pages.Remove(index);
            }
        }

        copy.LengthBytes = lengthBytes;
        return copy;
    }

    public void Read(long offset, Span<byte> buffer)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + buffer.Length, LengthBytes);
        for (int done = 0; done < buffer.Length;)
        {
            (long index, int start, int count) = Part(offset + done, buffer.Length - done);
            Span<byte> part = buffer.Slice(done, count);
            if (_pages.TryGetValue(index, out byte[]? page))
            {
                page.AsSpan(start, count).CopyTo(part);
            }
            else
            {
                part.Clear();
            }

            done += count;
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + data.Length, LengthBytes);
        for (int done = 0; done < data.Length;)
        {
            (long index, int start, int count) = Part(offset + done, data.Length - done);
            data.Slice(done, count).CopyTo(PageForWriting(index).AsSpan(start));
            done += count;
        }
    }

    public void Zero(long offset, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + lengthBytes, LengthBytes);
        foreach (long index in _pages.Keys.Where(index => (index + 1) * PageBytes > offset && index * PageBytes < offset + lengthBytes).ToArray())
        {
            long first = Math.Max(offset, index * PageBytes);
            long end = Math.Min(offset + lengthBytes, (index + 1) * PageBytes);
            if (end - first == PageBytes)
            {
                _pages.Remove(index);
                _shared.Remove(index);
            }
            else
            {
                PageForWriting(index).AsSpan((int)(first % PageBytes), (int)(end - first)).Clear();
            }
        }
    }

    /// <summary>All of another one, which is not longer, over the beginning of this.</summary>
    public void Overwrite(GuestBytes other)
    {
        Zero(0, other.LengthBytes);
        byte[] buffer = new byte[PageBytes];
        foreach ((long offset, int length) in other.Pages)
        {
            other.Read(offset, buffer.AsSpan(0, length));
            Write(offset, buffer.AsSpan(0, length));
        }
    }

    /// <summary>All of it; for small ones.</summary>
    public byte[] ToArray()
    {
        byte[] bytes = new byte[LengthBytes];
        Read(0, bytes);
        return bytes;
    }

    /// <summary>A sparse file of it.</summary>
    public void Save(string path)
    {
        using FileStream file = File.Create(path);
        file.SetLength(LengthBytes);
        byte[] buffer = new byte[PageBytes];
        foreach ((long offset, int length) in Pages)
        {
            Read(offset, buffer.AsSpan(0, length));
            file.Position = offset;
            file.Write(buffer, 0, length);
        }
    }

    /// <summary>
    /// Fails unless the disk reads as this: a small one is read to its end, of a large one all that was written here, and all that the disk's map calls data.
    /// </summary>
    public async Task ShouldBeReadFromAsync(VirtualDisk disk, string what)
    {
        Assert.True(LengthBytes == disk.LengthBytes, $"{what}: {disk.Path} is of {disk.LengthBytes} bytes instead of {LengthBytes}");
        if (LengthBytes <= ReadAllBytes)
        {
            await CompareAsync(disk, 0, LengthBytes, what).ConfigureAwait(false);
            return;
        }

        foreach ((long offset, int length) in Pages)
        {
            await CompareAsync(disk, offset, length, what).ConfigureAwait(false);
        }

        await foreach (DiskExtent extent in disk.MapAllAsync(0, LengthBytes).ConfigureAwait(false))
        {
            if (!extent.ReadsZero)
            {
                await CompareAsync(disk, extent.OffsetBytes, extent.LengthBytes, what).ConfigureAwait(false);
            }
        }
    }

    private async Task CompareAsync(VirtualDisk disk, long offset, long lengthBytes, string what)
    {
        byte[] actual = new byte[Math.Min(StepBytes, lengthBytes)];
        byte[] expected = new byte[actual.Length];
        for (long done = 0; done < lengthBytes;)
        {
            int step = (int)Math.Min(StepBytes, lengthBytes - done);
            await disk.ReadAsync(offset + done, actual.AsMemory(0, step)).ConfigureAwait(false);
            Read(offset + done, expected.AsSpan(0, step));
            int at = expected.AsSpan(0, step).CommonPrefixLength(actual.AsSpan(0, step));
            Assert.True(at == step, at < step ? $"{what}: byte {offset + done + at} of {disk.Path} is {actual[at]:x2} instead of {expected[at]:x2}" : "");
            done += step;
        }
    }

    private static (long Index, int Start, int Count) Part(long offset, int left)
    {
        int start = (int)(offset % PageBytes);
        return (offset / PageBytes, start, Math.Min(PageBytes - start, left));
    }

    private byte[] PageForWriting(long index)
    {
        if (!_pages.TryGetValue(index, out byte[]? page))
        {
            return _pages[index] = new byte[PageBytes];
        }

        return _shared.Remove(index) ? _pages[index] = [.. page] : page;
    }
}
