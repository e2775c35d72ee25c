using System.Buffers.Binary;

namespace QedVd.TestKit;

/// <content>What changes the image as a whole: simple, with one change at a time, and safe against a crash.</content>
internal sealed partial class MemoryImage
{
    public override async ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
    {
        RequireCapability(ImageCapabilities.SetOpenFlags);
        await _changes.WaitAsync(cancellationToken);
        try
        {
            if ((flags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) == 0 && _storage.IsReadOnly)
            {
                throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: the file is open for reading only.", Name, "set open flags");
            }

            await SaveAsync<AsyncIo>(cancellationToken);
            _openFlags = flags;
        }
        finally
        {
            _changes.Release();
        }
    }

    public override async ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default)
    {
        RequireCapability(ImageCapabilities.SetParent);
        if (parent is not null && parent.NameBytes.Length > MemoryBackend.HeaderBytes - MemoryBackend.NameOffset)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{Name}: a parent's name of {parent.NameBytes.Length} bytes does not fit.", Name, "set parent");
        }

        await ChangeHeaderAsync(
            header =>
            {
                byte[] name = parent is null ? [] : parent.NameBytes.ToArray();
                header.AsSpan(MemoryBackend.NameOffset).Clear();
                name.CopyTo(header, MemoryBackend.NameOffset);
                BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(MemoryBackend.NameBytesOffset), name.Length);
                BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(MemoryBackend.FlagsOffset), parent switch { null => 0u, { IsRaw: true } => 3u, _ => 1u });
            },
            () => _parent = parent,
            cancellationToken);
    }

    public override async ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        RequireCapability(virtualSizeBytes < VirtualSizeBytes ? ImageCapabilities.Shrink : ImageCapabilities.Grow);
        long blocks = virtualSizeBytes < 0 ? -1 : (virtualSizeBytes + _block - 1) / _block;
        if (blocks is < 0 or > MemoryBackend.MostBlocks || virtualSizeBytes % 512 != 0 || (virtualSizeBytes < VirtualSizeBytes && !mayShrink))
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{Name}: cannot resize from {VirtualSizeBytes} to {virtualSizeBytes} bytes.", Name, "resize");
        }

        await _changes.WaitAsync(cancellationToken);
        try
        {
            await SaveAsync<AsyncIo>(cancellationToken);
            long end = Math.Min(virtualSizeBytes, _sizeBytes);
            int last = (int)(end / _block);
            if (end % _block != 0 && _table[last] > Zero)
            {
                int inside = (int)(end % _block);
                await _storage.WriteAsync(_table[last] + inside, new byte[_block - inside], cancellationToken);
            }

            long[] table = new long[blocks];
            Array.Copy(_table, table, Math.Min(_table.Length, table.Length));
            for (int i = _table.Length; i < table.Length; i++)
            {
                table[i] = _beneath.MayHoldDataAt((long)i * _block) ? Zero : Free;
            }

            // A new table in a new place; one sector of the header switches over.
            byte[] bytes = new byte[table.Length * sizeof(long)];
            for (int i = 0; i < table.Length; i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), table[i]);
            }

            long place = _end;
            _end = (place + bytes.Length + _block - 1) / _block * _block;
            await _storage.WriteAsync(place, bytes, cancellationToken);
            await BarrierAsync<AsyncIo>(cancellationToken);
            byte[] header = new byte[512];
            await _storage.ReadAsync(0, header, cancellationToken);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(MemoryBackend.SizeOffset), virtualSizeBytes);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(MemoryBackend.TableOffsetOffset), place);
            await _storage.WriteAsync(0, header, cancellationToken);

            // From here on the file has the new table, whatever becomes of the barrier.
            if (table.Length >= _table.Length)
            {
                Volatile.Write(ref _table, table);
                Volatile.Write(ref _sizeBytes, virtualSizeBytes);
            }
            else
            {
                Volatile.Write(ref _sizeBytes, virtualSizeBytes);
                Volatile.Write(ref _table, table);
            }

            _tableOffset = place;
            await BarrierAsync<AsyncIo>(CancellationToken.None);
            progress?.Report(new OperationProgress(virtualSizeBytes, virtualSizeBytes, "resize"));
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <remarks>Blocks go back to free or zero; their places are not used again, so that nobody reads another block's data.</remarks>
    public override async ValueTask CompactAsync(CompactOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        RequireCapability(ImageCapabilities.Compact);
        byte[] data = new byte[_block];
        for (int index = 0; index < _table.Length; index++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long offset = (long)index * _block;
            await _changes.WaitAsync(cancellationToken);
            try
            {
                long entry = _table[index];
                if (entry == Free)
                {
                    continue;
                }

                if (options.IsHeldBeneath is { } isHeld && isHeld(offset, Math.Min(_block, VirtualSizeBytes - offset)))
                {
                    SetEntry(index, Free);
                    continue;
                }

                data.AsSpan().Clear();
                if (entry > Zero)
                {
                    await _storage.ReadAsync(entry, data, cancellationToken);
                }

                bool isOver = _beneath.MayHoldDataAt(offset);
                if (options.EqualsBeneath is { } equals && isOver && await equals(offset, data, cancellationToken))
                {
                    SetEntry(index, Free);
                }
                else if (!data.AsSpan().ContainsAnyExcept((byte)0) && (entry == Zero || options.DropZeroBlocks))
                {
                    SetEntry(index, isOver ? Zero : Free);
                }
            }
            finally
            {
                _changes.Release();
            }

            progress?.Report(new OperationProgress(offset, VirtualSizeBytes, "compact"));
        }

        await FlushAsync(cancellationToken);
    }

    private async ValueTask ChangeHeaderAsync(Action<byte[]> change, Action published, CancellationToken cancellationToken)
    {
        await _changes.WaitAsync(cancellationToken);
        try
        {
            await SaveAsync<AsyncIo>(cancellationToken);
            byte[] header = new byte[MemoryBackend.HeaderBytes];
            await _storage.ReadAsync(0, header, cancellationToken);
            change(header);
            await _storage.WriteAsync(0, header, cancellationToken);
            published();
            await BarrierAsync<AsyncIo>(CancellationToken.None);
        }
        finally
        {
            _changes.Release();
        }
    }

    private void RequireCapability(ImageCapabilities capability)
    {
        if ((Backend.Capabilities & capability) == 0)
        {
            throw ImageException.NotSupported($"{capability}", Name);
        }

        if (IsReadOnly && capability != ImageCapabilities.SetOpenFlags)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: open for reading only.", Name, $"{capability}");
        }
    }
}
