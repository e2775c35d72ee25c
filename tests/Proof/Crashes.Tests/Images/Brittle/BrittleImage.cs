using System.Buffers.Binary;

namespace QedVd.Crashes.Tests.Images.Brittle;

/// <summary>An open image: each request is on its way to the storage before it returns. Not for several threads.</summary>
internal sealed class BrittleImage : DiskImageBase
{
    private readonly BrittleBackend _backend;
    private readonly IImageStorage _storage;
    private readonly ImageOpenOptions _options;
    private readonly List<long> _free = [];
    private readonly List<long> _quarantine = [];
    private readonly bool _wasRecovered;
    private bool _isMarked;
    private long _sizeBytes;

    public BrittleImage(BrittleBackend backend, IImageStorage storage, ImageOpenOptions options, bool wasRecovered)
    {
        _backend = backend;
        _storage = storage;
        _options = options;
        _wasRecovered = wasRecovered;
        _sizeBytes = BrittleBackend.Number(storage, 16);
        _isMarked = BrittleBackend.Number(storage, 8) != 0;
        if (!IsReadOnly)
        {
            HashSet<long> used = [.. BrittleCheck.References(storage).Where(reference => reference.IsTable || !Breaks(BrokenRule.UsedBlocksAfterRecovery)).Select(reference => reference.Block)];
            for (long block = 2 * BrittleBackend.BlockBytes; block <= storage.GetLength() - BrittleBackend.BlockBytes; block += BrittleBackend.BlockBytes)
            {
                if (!used.Contains(block))
                {
                    _free.Add(block);
                }
            }
        }
    }

    public override BackendInfo Backend => _backend.Info;

    public override string Name => _storage.Name;

    public override ImageCapabilities Capabilities => Backend.Capabilities;

    public override ImageFlags Flags => _isMarked ? ImageFlags.NeedsCheck : ImageFlags.None;

    public override ImageOpenFlags OpenFlags => _options.Flags;

    public override long VirtualSizeBytes => _sizeBytes;

    public override ImageLimits Limits => new(1, BrittleBackend.BlockBytes, BrittleBackend.BlockBytes);

    public override ParentReference? Parent => BrittleBackend.NameOf(_storage) is { } name ? new ParentReference(name) : null;

    private bool IsLazy => _options.Mode == ConsistencyMode.Lazy;

    public override ImageFileSize GetFileSize() => new(_storage.GetLength(), _storage.GetAllocatedBytes());

    public override ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default)
    {
        byte[] name = parent?.NameBytes.ToArray() ?? [];
        long old = BrittleBackend.Number(_storage, 24);
        if (_backend.Broken == BrokenRule.NameBesideTheOld)
        {
            byte[] both = new byte[old + name.Length];
            _storage.Read(0, both);
            BrittleBackend.Header(_isMarked, VirtualSizeBytes, old, name.Length).CopyTo(both, 0);
            name.CopyTo(both, (int)old);
            _storage.Write(0, both);
            _storage.Barrier();
            return default;
        }

        long place = old == BrittleBackend.FirstNameOffset ? BrittleBackend.SecondNameOffset : BrittleBackend.FirstNameOffset;
        _storage.Write(place, name);
        _storage.Barrier();
        _storage.Write(0, BrittleBackend.Header(_isMarked, VirtualSizeBytes, place, name.Length));
        _storage.Barrier();
        return default;
    }

    public override ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (virtualSizeBytes < _sizeBytes)
        {
            throw ImageException.NotSupported("shrinking", Name);
        }

        (long place, long length) = (BrittleBackend.Number(_storage, 24), BrittleBackend.Number(_storage, 32));
        foreach (long size in _backend.Broken == BrokenRule.SizeAtOnce ? [(_sizeBytes + virtualSizeBytes) / 2, virtualSizeBytes] : (long[])[virtualSizeBytes])
        {
            _storage.Write(0, BrittleBackend.Header(_isMarked, size, place, length));
            _storage.Barrier();
        }

        _sizeBytes = virtualSizeBytes;
        return default;
    }

    protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        bool isTable = BrittleBackend.Number(_storage, L1Entry(offset)) != 0;
        long unit = isTable ? BrittleBackend.BlockBytes : BrittleBackend.SpanBytes;
        long length = Math.Min(lengthBytes, unit - (offset % unit));
        return new(new Extent(isTable && Lookup(offset) != 0 ? ExtentKind.Data : ExtentKind.Free, length));
    }

    protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
    {
        int inside = (int)(offset % BrittleBackend.BlockBytes);
        int length = Math.Min(buffer.Length, BrittleBackend.BlockBytes - inside);
        long block = Lookup(offset);
        if (block == 0)
        {
            return new(new ReadResult(ExtentKind.Free, length));
        }

        return _storage.Read(block + inside, buffer.Span[..length]) == length
            ? new(new ReadResult(ExtentKind.Data, length))
            : throw new ImageException(ImageErrorKind.Corrupt, $"{Name}: block {block} is cut.", Name, "read", offset);
    }

    protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        int inside = (int)(offset % BrittleBackend.BlockBytes);
        int length = Math.Min(buffer.Length, BrittleBackend.BlockBytes - inside);
        Mark();
        if (Lookup(offset) is not 0 and var block)
        {
            _storage.Write(block + inside, buffer.Span[..length]);
        }
        else
        {
            byte[] whole = new byte[BrittleBackend.BlockBytes];
            buffer.Span[..length].CopyTo(whole.AsSpan(inside));
            long table = EnsureTable(offset);
            block = Allocate();
            _storage.Write(block, whole);
            BarrierUnless(BrokenRule.DataBeforeEntry);
            SetEntry(table + (offset / BrittleBackend.BlockBytes % BrittleBackend.Entries * sizeof(long)), block);
        }

        if ((flags & WriteFlags.ForceUnitAccess) != 0)
        {
            _storage.Barrier();
        }

        return new(WriteResult.Done(length));
    }

    protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        WriteCore<TIo>(offset, new IoBuffer(new byte[Math.Min(lengthBytes, BrittleBackend.BlockBytes)].AsMemory()), flags, cancellationToken);

    protected override ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        int inside = (int)(offset % BrittleBackend.BlockBytes);
        long length = Math.Min(lengthBytes, BrittleBackend.BlockBytes - inside);
        if (length == BrittleBackend.BlockBytes && Lookup(offset) is not 0 and var block)
        {
            Mark();
            SetEntry(BrittleBackend.Number(_storage, L1Entry(offset)) + (offset / BrittleBackend.BlockBytes % BrittleBackend.Entries * sizeof(long)), 0);
            (_backend.Broken == BrokenRule.QuarantineOfFreed ? _free : _quarantine).Add(block);
        }

        return new(WriteResult.Done(length));
    }

    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
    {
        Settle();
        return default;
    }

    protected override ValueTask CloseCore<TIo>()
    {
        Settle();
        if (_isMarked && !IsReadOnly && _backend.Broken != BrokenRule.MarkAfterRecovery)
        {
            SetMark(false);
            _storage.Barrier();
        }

        if (Breaks(BrokenRule.LengthAfterRecovery))
        {
            _storage.SetLength(_storage.GetLength() - BrittleBackend.BlockBytes);
        }

        _storage.Dispose();
        return default;
    }

    private void Settle()
    {
        if (!IsReadOnly)
        {
            _storage.Barrier();
            _free.AddRange(_backend.Broken == BrokenRule.ReuseOfFreed ? [] : _quarantine);
            _quarantine.Clear();
        }
    }

    private static long L1Entry(long offset) => BrittleBackend.L1Offset + (offset / BrittleBackend.SpanBytes * sizeof(long));

    private long Lookup(long offset)
    {
        long table = BrittleBackend.Number(_storage, L1Entry(offset));
        return table == 0 ? 0 : BrittleBackend.Number(_storage, table + (offset / BrittleBackend.BlockBytes % BrittleBackend.Entries * sizeof(long)));
    }

    private long EnsureTable(long offset)
    {
        long table = BrittleBackend.Number(_storage, L1Entry(offset));
        if (table == 0)
        {
            table = Allocate();
            _storage.Write(table, new byte[BrittleBackend.BlockBytes]);
            BarrierUnless(BrokenRule.TableBeforeLink);
            SetEntry(L1Entry(offset), table);
        }

        return table;
    }

    // Under the mark nothing is used again: whoever clears it has seen only what leads nowhere.
    private long Allocate()
    {
        if (_free.Count > 0 && (!IsLazy || Breaks(BrokenRule.UsedBlocksAfterRecovery)))
        {
            long block = _free[0];
            _free.RemoveAt(0);
            return block;
        }

        long end = _storage.GetLength();
        _storage.SetLength(end + BrittleBackend.BlockBytes);
        return end;
    }

    private void SetEntry(long entry, long block)
    {
        byte[] bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, block);
        _storage.Write(entry, bytes);
    }

    private void Mark()
    {
        if (IsLazy && !_isMarked)
        {
            SetMark(true);
            if (_backend.Broken != BrokenRule.MarkBeforeTables)
            {
                _storage.Barrier();
            }
        }
    }

    /// <summary>For rules that concern recoveries.</summary>
    private bool Breaks(BrokenRule rule) => _wasRecovered && !IsReadOnly && _backend.Broken == rule;

    private void SetMark(bool isMarked)
    {
        _isMarked = isMarked;
        SetEntry(8, isMarked ? 1 : 0);
    }

    private void BarrierUnless(BrokenRule rule)
    {
        if (!IsLazy && _backend.Broken != rule)
        {
            _storage.Barrier();
        }
    }
}
