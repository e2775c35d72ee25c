using System.Collections.Concurrent;

namespace QedVd.Host;

/// <summary>
/// Bytes in memory, sparse: only pages that were written take room. Grows beyond 2 GiB; thread safe. Nothing survives the process, so a barrier
/// has nothing to do.
/// </summary>
public sealed class MemoryStorage : IImageStorage
{
    private const int PageBytes = 4096;

    private static long s_lastNumber;

    private readonly Bytes _bytes;
    private volatile bool _disposed;

    /// <summary>Makes an empty storage.</summary>
    /// <param name="name">Its name for messages.</param>
    public MemoryStorage(string? name = null)
        : this(new Bytes(Interlocked.Increment(ref s_lastNumber)), name, isReadOnly: false)
    {
    }

    private MemoryStorage(Bytes bytes, string? name, bool isReadOnly)
    {
        _bytes = bytes;
        Name = name ?? $"memory-{bytes.Number}";
        IsReadOnly = isReadOnly;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public StorageFacts Facts =>
        StorageFacts.NeverWrittenReadsZero | StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles | StorageFacts.CanSetLength;

    /// <inheritdoc/>
    public StorageIdentity Identity => new(ulong.MaxValue, (ulong)_bytes.Number);

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <summary>Makes a storage that holds a copy of <paramref name="content"/>.</summary>
    public static MemoryStorage FromBytes(ReadOnlySpan<byte> content, string? name = null)
    {
        var storage = new MemoryStorage(name);
        storage.Write(0, content);
        return storage;
    }

    /// <summary>Another storage over the same bytes, as a file can be opened twice. The bytes live as long as one of them is reachable, disposed or not.</summary>
    public MemoryStorage Reopen(bool isReadOnly = false) => new(_bytes, Name, isReadOnly);

    /// <inheritdoc/>
    public long GetLength()
    {
        ThrowIfDisposed();
        return Volatile.Read(ref _bytes.Length);
    }

    /// <inheritdoc/>
    public long GetAllocatedBytes()
    {
        ThrowIfDisposed();
        return (long)_bytes.Pages.Count * PageBytes;
    }

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer)
    {
        ThrowIfDisposed();
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        long length = Volatile.Read(ref _bytes.Length);
        if (offset >= length)
        {
            return 0;
        }

        buffer = buffer[..(int)Math.Min(buffer.Length, length - offset)];
        for (int done = 0; done < buffer.Length;)
        {
            (long page, int start) = Math.DivRem(offset + done, PageBytes) is var (quotient, remainder) ? (quotient, (int)remainder) : default;
            Span<byte> part = buffer.Slice(done, Math.Min(PageBytes - start, buffer.Length - done));
            if (_bytes.Pages.TryGetValue(page, out byte[]? data))
            {
                data.AsSpan(start, part.Length).CopyTo(part);
            }
            else
            {
                part.Clear();
            }

            done += part.Length;
        }

        return buffer.Length;
    }

    /// <inheritdoc/>
    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : new ValueTask<int>(Read(offset, buffer.Span));

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        ThrowIfNotWritable("write");
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, long.MaxValue - buffer.Length);
        for (int done = 0; done < buffer.Length;)
        {
            int start = (int)((offset + done) % PageBytes);
            ReadOnlySpan<byte> part = buffer.Slice(done, Math.Min(PageBytes - start, buffer.Length - done));
            part.CopyTo(_bytes.Pages.GetOrAdd((offset + done) / PageBytes, static _ => new byte[PageBytes]).AsSpan(start));
            done += part.Length;
        }

        if (buffer.Length > 0)
        {
            _bytes.GrowTo(offset + buffer.Length);
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        Write(offset, buffer.Span);
        return default;
    }

    /// <inheritdoc/>
    public void SetLength(long lengthBytes)
    {
        ThrowIfNotWritable("set the length");
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        lock (_bytes)
        {
            long old = _bytes.Length;
            Volatile.Write(ref _bytes.Length, lengthBytes);
            if (lengthBytes < old)
            {
                // Up to the end of the page in which the old end lay: what comes back by growing must be zero.
                _bytes.Clear(lengthBytes, long.MaxValue - lengthBytes);
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        SetLength(lengthBytes);
        return default;
    }

    /// <inheritdoc/>
    public void Barrier() => ThrowIfNotWritable("make durable", isChange: false);

    /// <inheritdoc/>
    public ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        Barrier();
        return default;
    }

    /// <inheritdoc/>
    public void PunchHole(long offset, long lengthBytes)
    {
        ThrowIfNotWritable("punch a hole");
        ThrowIfBadRange(offset, lengthBytes);
        _bytes.Clear(offset, lengthBytes);
    }

    /// <inheritdoc/>
    public void Allocate(long offset, long lengthBytes)
    {
        ThrowIfNotWritable("allocate");
        ThrowIfBadRange(offset, lengthBytes);
        if (lengthBytes > 0)
        {
            // Memory runs out when it is touched, whatever was promised: nothing is taken ahead.
            _bytes.GrowTo(offset + lengthBytes);
        }
    }

    /// <inheritdoc/>
    public ValueTask AllocateAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        Allocate(offset, lengthBytes);
        return default;
    }

    /// <inheritdoc/>
    public StorageExtent GetExtent(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        long length = GetLength();
        if (offset >= length)
        {
            return new StorageExtent(0, IsHole: false);
        }

        long page = offset / PageBytes;
        long lastPage = (length - 1) / PageBytes;
        bool isHole = !_bytes.Pages.ContainsKey(page);
        long end = isHole ? _bytes.NextPage(page, lastPage) : page + 1;
        while (!isHole && end <= lastPage && _bytes.Pages.ContainsKey(end))
        {
            end++;
        }

        return new StorageExtent((end > lastPage ? length : end * PageBytes) - offset, isHole);
    }

    /// <summary>A copy of all bytes.</summary>
    public byte[] ToArray()
    {
        byte[] content = new byte[GetLength()];
        int read = Read(0, content);
        return read == content.Length ? content : content[..read];
    }

    /// <inheritdoc/>
    public void Dispose() => _disposed = true;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    private static void ThrowIfBadRange(long offset, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, long.MaxValue - lengthBytes);
    }

    private void ThrowIfNotWritable(string operation, bool isChange = true)
    {
        ThrowIfDisposed();
        if (isChange && IsReadOnly)
        {
            throw StorageErrors.Create(ImageErrorKind.ReadOnly, Name, operation, $"cannot {operation}: the storage is read-only.");
        }
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_disposed, this);

    /// <summary>What all storages over the same bytes share.</summary>
    private sealed class Bytes(long number)
    {
        public long Length;

        public long Number { get; } = number;

        public ConcurrentDictionary<long, byte[]> Pages { get; } = new();

        public void GrowTo(long lengthBytes)
        {
            for (long seen = Volatile.Read(ref Length); seen < lengthBytes;)
            {
                long before = Interlocked.CompareExchange(ref Length, lengthBytes, seen);
                if (before == seen)
                {
                    return;
                }

                seen = before;
            }
        }

        /// <summary>Zeroes a range, giving whole pages back.</summary>
        public void Clear(long offset, long lengthBytes)
        {
            long end = offset + lengthBytes;
            long firstWhole = (offset / PageBytes) + (offset % PageBytes == 0 ? 0 : 1);
            long endWhole = end / PageBytes;
            ClearPart(offset, Math.Min(end, firstWhole * PageBytes));
            if (endWhole >= firstWhole)
            {
                ClearPart(Math.Max(offset, endWhole * PageBytes), end);
            }

            if (endWhole - firstWhole <= Pages.Count)
            {
                for (long page = firstWhole; page < endWhole; page++)
                {
                    Pages.TryRemove(page, out _);
                }

                return;
            }

            foreach ((long page, _) in Pages)
            {
                if (page >= firstWhole && page < endWhole)
                {
                    Pages.TryRemove(page, out _);
                }
            }
        }

        /// <summary>The first page after <paramref name="page"/> that holds data, or the one after <paramref name="last"/>.</summary>
        public long NextPage(long page, long last)
        {
            if (last - page <= Pages.Count)
            {
                do
                {
                    page++;
                }
                while (page <= last && !Pages.ContainsKey(page));
                return page;
            }

            long next = last + 1;
            foreach ((long other, _) in Pages)
            {
                next = other > page && other < next ? other : next;
            }

            return next;
        }

        private void ClearPart(long offset, long end)
        {
            if (offset < end && Pages.TryGetValue(offset / PageBytes, out byte[]? data))
            {
                data.AsSpan((int)(offset % PageBytes), (int)(end - offset)).Clear();
            }
        }
    }
}
