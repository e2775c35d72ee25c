namespace QedVd.Host.Tests.Chains;

/// <summary>
/// A format in memory, as small as the contract allows: blocks that are free, zero or data. It can be told to answer short, to have its tables "not in
/// memory", and to really wait, so that every path of the host above it is taken.
/// </summary>
internal sealed class BlockImage(string name, long virtualSizeBytes, int blockBytes) : DiskImageBase
{
    private static readonly BackendInfo s_info = new()
    {
        Id = "blocks",
        DisplayName = "blocks in memory",
        Capabilities = ImageCapabilities.Write | ImageCapabilities.Differencing | ImageCapabilities.WriteZeroes | ImageCapabilities.Discard | ImageCapabilities.SetOpenFlags,
    };

    private readonly Lock _lock = new();
    private readonly Dictionary<long, byte[]?> _blocks = [];
    private Beneath _beneath = Beneath.Unknown;
    private ImageOpenFlags _openFlags;
    private uint _random = (uint)name.GetHashCode(StringComparison.Ordinal) | 1;
    private int _underWay;

    /// <summary>How often out of 8 the tables are not in memory.</summary>
    public int TableMisses { get; init; }

    /// <summary>How often out of 8 an answer is shorter than it could be.</summary>
    public int ShortAnswers { get; init; }

    /// <summary>How often out of 8 an asynchronous request really waits.</summary>
    public int Waits { get; init; }

    public int ReadCount { get; private set; }

    public int WriteCount { get; private set; }

    public bool IsClosed { get; private set; }

    public Beneath ToldBeneath => _beneath;

    /// <summary>Called inside a write before it looks at the block, for tests that need a certain moment.</summary>
    public Action<WriteFlags>? OnWrite { get; set; }

    public Exception? CloseError { get; set; }

    public override BackendInfo Backend => s_info;

    public override string Name => name;

    public override ImageCapabilities Capabilities => s_info.Capabilities;

    public override ImageFlags Flags => ImageFlags.None;

    public override ImageOpenFlags OpenFlags => _openFlags;

    public ImageOpenFlags InitialFlags { init => _openFlags = value; }

    public override long VirtualSizeBytes => virtualSizeBytes;

    public override ImageLimits Limits => new(1, blockBytes, Math.Max(blockBytes, 4096));

    public override ImageFileSize GetFileSize() => new(0, 0);

    /// <summary>What a block is; null for zero.</summary>
    public ExtentKind KindOf(long offset)
    {
        lock (_lock)
        {
            return _blocks.TryGetValue(offset / blockBytes, out byte[]? data) ? data is null ? ExtentKind.Zero : ExtentKind.Data : ExtentKind.Free;
        }
    }

    public override bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        extent = default;
        if (Chance(TableMisses))
        {
            return false;
        }

        extent = Look(offset, lengthBytes);
        return true;
    }

    public override ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
    {
        _openFlags = flags;
        return default;
    }

    protected override ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
    {
        _beneath = beneath;
        return default;
    }

    protected override async ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        await WaitAsync<TIo>();
        return Look(offset, lengthBytes);
    }

    protected override async ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
    {
        ReadCount++;
        await WaitAsync<TIo>();
        Extent extent = Look(offset, buffer.Length);
        if (extent.Kind != ExtentKind.Data)
        {
            return new ReadResult(extent.Kind, (int)extent.LengthBytes);
        }

        int length = (int)Math.Min(extent.LengthBytes, blockBytes - (offset % blockBytes));
        Find(offset)!.AsSpan((int)(offset % blockBytes), length).CopyTo(buffer.Span);
        return new ReadResult(ExtentKind.Data, length);
    }

    protected override async ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        WriteCount++;
        Interlocked.Increment(ref _underWay);
        await WaitAsync<TIo>();
        OnWrite?.Invoke(flags);
        try
        {
            int inBlock = (int)(offset % blockBytes);
            int length = Math.Min(buffer.Length, blockBytes - inBlock);
            if (KindOf(offset) == ExtentKind.Data)
            {
                buffer.Slice(0, length).Span.CopyTo(Find(offset)!.AsSpan(inBlock));
                return WriteResult.Done(length);
            }

            if ((flags & WriteFlags.NoAllocate) != 0 || (length < blockBytes && KindOf(offset) == ExtentKind.Free && _beneath.MayHoldDataAt(offset - inBlock)))
            {
                return Free(offset, buffer.Length, requireFree: (flags & WriteFlags.NoAllocate) == 0);
            }

            byte[] fresh = new byte[blockBytes];
            buffer.Slice(0, length).Span.CopyTo(fresh.AsSpan(inBlock));
            await WaitAsync<TIo>();
            if (Publish(offset, fresh))
            {
                return WriteResult.Done(length);
            }

            // Another one allocated it meanwhile: this one goes into it.
            buffer.Slice(0, length).Span.CopyTo(Find(offset)!.AsSpan(inBlock));
            return WriteResult.Done(length);
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    protected override async ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        await WaitAsync<TIo>();
        int inBlock = (int)(offset % blockBytes);
        int length = (int)Math.Min(lengthBytes, blockBytes - inBlock);
        switch (KindOf(offset))
        {
            case ExtentKind.Zero:
                return WriteResult.Done(length);
            case ExtentKind.Data:
                Find(offset)!.AsSpan(inBlock, length).Clear();
                return WriteResult.Done(length);
            default:
                bool isOver = _beneath.MayHoldDataAt(offset - inBlock);
                if ((flags & WriteFlags.NoAllocate) != 0 || (isOver && length < blockBytes))
                {
                    return Free(offset, lengthBytes, requireFree: true);
                }

                if (isOver)
                {
                    Publish(offset, null);
                }

                return WriteResult.Done(length);
        }
    }

    protected override async ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        await WaitAsync<TIo>();
        int inBlock = (int)(offset % blockBytes);
        int length = (int)Math.Min(lengthBytes, blockBytes - inBlock);
        if (length == blockBytes && KindOf(offset) == ExtentKind.Free && _beneath.MayHoldDataAt(offset))
        {
            Publish(offset, null);
        }
        else if (length == blockBytes && KindOf(offset) == ExtentKind.Data)
        {
            Find(offset)!.AsSpan().Clear();
        }

        return WriteResult.Done(length);
    }

    protected override async ValueTask FlushCore<TIo>(CancellationToken cancellationToken) => await WaitAsync<TIo>();

    protected override ValueTask CloseCore<TIo>()
    {
        IsClosed = true;
        Assert.Equal(0, _underWay);
        return CloseError is null ? default : throw CloseError;
    }

    private WriteResult Free(long offset, long lengthBytes, bool requireFree)
    {
        // As long as it is not data (or strictly free), and now and then only to the end of the first block.
        long end = offset - (offset % blockBytes) + blockBytes;
        while (end < offset + lengthBytes && !Chance(ShortAnswers) && (requireFree ? KindOf(end) == ExtentKind.Free : KindOf(end) != ExtentKind.Data))
        {
            end += blockBytes;
        }

        long length = Math.Min(lengthBytes, end - offset);
        return WriteResult.Free(length, offset % blockBytes, end - (offset + length));
    }

    private Extent Look(long offset, long lengthBytes)
    {
        lock (_lock)
        {
            ExtentKind kind = KindOf(offset);
            long end = offset - (offset % blockBytes) + blockBytes;
            while (end < offset + lengthBytes && !Chance(ShortAnswers) && KindOf(end) == kind)
            {
                end += blockBytes;
            }

            return new Extent(kind, Math.Min(end - offset, lengthBytes), Extent.NoOffset, kind == ExtentKind.Data);
        }
    }

    private byte[]? Find(long offset)
    {
        lock (_lock)
        {
            return _blocks[offset / blockBytes];
        }
    }

    // A block appears with its bytes; in a block that is data already nothing is replaced.
    private bool Publish(long offset, byte[]? data)
    {
        lock (_lock)
        {
            if (_blocks.TryGetValue(offset / blockBytes, out byte[]? before) && before is not null)
            {
                return false;
            }

            _blocks[offset / blockBytes] = data;
            return true;
        }
    }

    private bool Chance(int eighths)
    {
        if (eighths == 0)
        {
            return false;
        }

        // Torn updates by several threads only make it more random.
        uint x = _random;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        _random = x == 0 ? 1 : x;
        return x % 8 < eighths;
    }

    private async ValueTask WaitAsync<TIo>()
        where TIo : struct, IIoMode
    {
        if (!TIo.IsSynchronous && Chance(Waits))
        {
            await Task.Yield();
        }
    }
}
