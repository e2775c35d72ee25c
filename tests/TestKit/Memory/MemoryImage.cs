using System.Buffers.Binary;

namespace QedVd.TestKit;

/// <summary>An image of <see cref="MemoryBackend"/>. One change at a time; reads take no lock, because a block never gets another use.</summary>
internal sealed partial class MemoryImage : DiskImageBase
{
    private const long Free = 0;
    private const long Zero = 1;

    private readonly MemoryBackend _backend;
    private readonly IImageStorage _storage;
    private readonly ConsistencyMode _mode;
    private readonly int _block;
    private long[] _table;
    private long _tableOffset;
    private readonly HashSet<int> _dirty = [];
    private readonly SemaphoreSlim _changes = new(1);
    private volatile ImageOpenFlags _openFlags;
    private volatile ParentReference? _parent;
    private long _sizeBytes;
    private Beneath _beneath;
    private bool _hasUnsavedData;
    private long _end;

    public MemoryImage(MemoryBackend backend, IImageStorage storage, ImageOpenOptions options, int blockBytes, long sizeBytes, long[] table, long tableOffset, ParentReference? parent)
    {
        _backend = backend;
        _storage = storage;
        _mode = options.Mode;
        _block = blockBytes;
        _table = table;
        _tableOffset = tableOffset;
        _sizeBytes = sizeBytes;
        _openFlags = options.Flags;
        _parent = parent;
        _beneath = parent is null ? Beneath.Nothing : Beneath.Unknown;
        long used = table.Append(tableOffset + ((long)table.Length * sizeof(long)) - blockBytes).Max() + blockBytes;
        _end = (Math.Max(used, storage.GetLength()) + blockBytes - 1) / blockBytes * blockBytes;
    }

    public override BackendInfo Backend => _backend.Info;

    public override string Name => _storage.Name;

    public override ImageCapabilities Capabilities => IsReadOnly ? Backend.Capabilities & ~(ImageCapabilities.Write | ImageCapabilities.WriteZeroes) : Backend.Capabilities;

    public override ImageFlags Flags => Parent is null ? ImageFlags.None : ImageFlags.Differencing;

    public override ImageOpenFlags OpenFlags => _openFlags;

    public override long VirtualSizeBytes => Volatile.Read(ref _sizeBytes);

    public override ImageLimits Limits => new(AlignmentBytes: 1, _block, _block);

    public override FastZeroKinds FastZeroes => IsReadOnly ? FastZeroKinds.None : FastZeroKinds.FreeBlocks | FastZeroKinds.DataBlocks;

    public override ParentReference? Parent => _parent;

    public override ImageFileSize GetFileSize() => new(_storage.GetLength(), _storage.GetAllocatedBytes());

    public override bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        int index = (int)(offset / _block);
        int inside = (int)(offset % _block);
        long[] table = Volatile.Read(ref _table);
        long entry = Volatile.Read(ref table[index]);
        long run = _block - inside;
        for (int next = index + 1; run < lengthBytes; next++, run += _block)
        {
            long following = Volatile.Read(ref table[next]);
            if (entry <= Zero ? following != entry : following != entry + ((next - index) * (long)_block))
            {
                break;
            }
        }

        run = Math.Min(run, lengthBytes);
        extent = entry switch
        {
            Free => new Extent(ExtentKind.Free, run),
            Zero => new Extent(ExtentKind.Zero, run),
            _ => new Extent(ExtentKind.Data, run, entry + inside, IsAllocated: true),
        };
        return true;
    }

    protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        Extent extent = default;
        _ = lengthBytes > 0 && TryMap(offset, lengthBytes, out extent);
        return new ValueTask<Extent>(extent);
    }

    protected override async ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
    {
        if (buffer.Length == 0)
        {
            return new ReadResult(ExtentKind.Free, 0);
        }

        TryMap(offset, buffer.Length, out Extent extent);
        int length = (int)extent.LengthBytes;
        if (extent.Kind == ExtentKind.Data && await TIo.ReadAsync(_storage, extent.StorageOffset, buffer.Slice(0, length), cancellationToken) < length)
        {
            throw new ImageException(ImageErrorKind.Io, $"{Name}: the file ends inside a block at {extent.StorageOffset}.", Name, "read", extent.StorageOffset);
        }

        return new ReadResult(extent.Kind, length);
    }

    protected override async ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        await TIo.WaitAsync(_changes.WaitAsync(cancellationToken), cancellationToken);
        try
        {
            int done = 0;
            while (done < buffer.Length)
            {
                long at = offset + done;
                int length = (int)Math.Min(buffer.Length - done, _block - (at % _block));
                if (!MayChange(at, length, flags))
                {
                    return done > 0 ? WriteResult.Done(done) : FreePart(at, length);
                }

                await WritePartAsync<TIo>(at, buffer.Slice(done, length), cancellationToken);
                done += length;
            }

            return await EndAsync<TIo>(done, flags, cancellationToken);
        }
        finally
        {
            _changes.Release();
        }
    }

    protected override async ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        await TIo.WaitAsync(_changes.WaitAsync(cancellationToken), cancellationToken);
        try
        {
            long done = 0;
            while (done < lengthBytes)
            {
                long at = offset + done;
                int index = (int)(at / _block);
                int length = (int)Math.Min(lengthBytes - done, _block - (at % _block));
                bool isWhole = at % _block == 0 && (length == _block || at + length >= VirtualSizeBytes);
                if (_table[index] == Free && !_beneath.MayHoldDataAt((long)index * _block))
                {
                    // Reads as zero already.
                }
                else if (isWhole && (_table[index] != Free || (flags & WriteFlags.NoAllocate) == 0))
                {
                    SetEntry(index, Zero);
                }
                else if (_table[index] == Free)
                {
                    return done > 0 ? WriteResult.Done(done) : FreePart(at, length);
                }
                else if (_table[index] != Zero)
                {
                    if ((flags & WriteFlags.FastOnly) != 0)
                    {
                        return done > 0 ? WriteResult.Done(done) : throw ImageException.NotSupported("zeroing a part of a block without writing", Name);
                    }

                    await WritePartAsync<TIo>(at, new IoBuffer(new byte[length].AsMemory()), cancellationToken);
                }

                done += length;
            }

            return await EndAsync<TIo>(done, flags, cancellationToken);
        }
        finally
        {
            _changes.Release();
        }
    }

    protected override async ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
    {
        await TIo.WaitAsync(_changes.WaitAsync(cancellationToken), cancellationToken);
        _beneath = beneath;
        _changes.Release();
    }

    protected override async ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
    {
        await TIo.WaitAsync(_changes.WaitAsync(cancellationToken), cancellationToken);
        try
        {
            await SaveAsync<TIo>(cancellationToken);
        }
        finally
        {
            _changes.Release();
        }
    }

    protected override async ValueTask CloseCore<TIo>()
    {
        try
        {
            await FlushCore<TIo>(default);
        }
        finally
        {
            _storage.Dispose();
        }
    }

    private bool MayChange(long at, int length, WriteFlags flags) =>
        _table[at / _block] > Zero
        || ((flags & WriteFlags.NoAllocate) == 0
            && (_table[at / _block] == Zero || length == _block || !_beneath.MayHoldDataAt(at / _block * _block)));

    private WriteResult FreePart(long at, int length) => WriteResult.Free(length, at % _block, _block - (at % _block) - length);

    private async ValueTask WritePartAsync<TIo>(long at, IoBuffer data, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int index = (int)(at / _block);
        int inside = (int)(at % _block);
        _hasUnsavedData = true;
        if (_table[index] > Zero)
        {
            await TIo.WriteAsync(_storage, _table[index] + inside, data, cancellationToken);
            return;
        }

        // A place is used once only, and written whole, whatever became of an earlier attempt.
        byte[] block = new byte[_block];
        data.Span.CopyTo(block.AsSpan(inside));
        long place = _end;
        _end += _block;
        await TIo.WriteAsync(_storage, place, new IoBuffer(block.AsMemory()), cancellationToken);
        SetEntry(index, place);
    }

    private void SetEntry(int index, long entry)
    {
        Volatile.Write(ref _table[index], entry);
        _dirty.Add(index);
    }

    private async ValueTask<WriteResult> EndAsync<TIo>(long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if ((flags & WriteFlags.ForceUnitAccess) != 0 || _mode == ConsistencyMode.WriteThrough)
        {
            await SaveAsync<TIo>(cancellationToken);
        }

        return WriteResult.Done(lengthBytes);
    }

    // Data first, then the entries that refer to it.
    private async ValueTask SaveAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (IsReadOnly || (!_hasUnsavedData && _dirty.Count == 0))
        {
            return;
        }

        await BarrierAsync<TIo>(cancellationToken);
        foreach (int index in _dirty)
        {
            byte[] entry = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(entry, _table[index]);
            await TIo.WriteAsync(_storage, _tableOffset + ((long)index * sizeof(long)), new IoBuffer(entry.AsMemory()), cancellationToken);
        }

        if (_dirty.Count > 0)
        {
            await BarrierAsync<TIo>(cancellationToken);
        }

        _dirty.Clear();
        _hasUnsavedData = false;
    }

    private ValueTask BarrierAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _mode == ConsistencyMode.Unsafe ? default : TIo.BarrierAsync(_storage, cancellationToken);
}
