using System.Buffers;
using System.Buffers.Binary;

namespace QedVd.Backends.Qed;

/// <summary>
/// The fixed set of one write-back: copies of the sectors as they are to be written. Never live memory, so that what is published later
/// cannot slip in. The buffers are rented.
/// </summary>
internal sealed class SectorImages : IDisposable
{
    private const int BufferBytes = 64 << 10;

    private readonly List<byte[]> _buffers = [];
    private int _used = BufferBytes;

    /// <summary>What goes where, in the order of the storage within each list.</summary>
    public List<SectorWrite> UnlinkedTables { get; } = [];

    /// <inheritdoc cref="UnlinkedTables"/>
    public List<SectorWrite> LinkedTables { get; } = [];

    /// <inheritdoc cref="UnlinkedTables"/>
    public List<SectorWrite> L1 { get; } = [];

    /// <summary>The tables whose links are in <see cref="L1"/>.</summary>
    public List<NewTable> Links { get; } = [];

    public List<DirtySlice> Slices { get; } = [];

    /// <summary>Where the last cluster ends that a taken entry names.</summary>
    public long DataEnd { get; private set; }

    /// <summary>Whether an entry was taken that needs a barrier between its data and itself.</summary>
    public bool IsOrdered { get; private set; }

    public bool IsEmpty => Slices.Count == 0;

    /// <summary>Copies sectors of a slice. The caller keeps its entries from changing.</summary>
    public void Add(DirtySlice slice, byte sectors)
    {
        List<SectorWrite> writes = SliceKey.IsL1(slice.Key) ? L1 : slice.IsUnlinked ? UnlinkedTables : LinkedTables;
        Slices.Add(slice);
        DataEnd = Math.Max(DataEnd, slice.DataEnd);
        IsOrdered |= (slice.Ordered & sectors) != 0 || slice.IsUnlinked;
        for (int sector = 0; sector < DirtySlice.SectorCount; sector++)
        {
            if ((sectors & (1 << sector)) != 0)
            {
                Add(writes, slice, sector);
            }
        }
    }

    /// <summary>Puts the storage's own values back where an entry was found invalid: they are not ours to change.</summary>
    public async ValueTask RestoreInvalidAsync<TIo>(IImageStorage storage)
        where TIo : struct, IIoMode
    {
        foreach (SectorWrite write in UnlinkedTables.Concat(LinkedTables).Concat(L1))
        {
            if (write.HasInvalid)
            {
                await RestoreAsync<TIo>(storage, write).ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (byte[] buffer in _buffers)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        _buffers.Clear();
    }

    private static async ValueTask RestoreAsync<TIo>(IImageStorage storage, SectorWrite write)
        where TIo : struct, IIoMode
    {
        byte[] stored = new byte[write.LengthBytes];
        int read = await TIo.ReadAsync(storage, write.Offset, new IoBuffer(stored), CancellationToken.None).ConfigureAwait(false);
        if (read < stored.Length)
        {
            throw new ImageException(
                ImageErrorKind.Io, $"{storage.Name}: the file is truncated: a table needs {stored.Length} bytes at {write.Offset}.", storage.Name, "read", write.Offset);
        }

        for (int i = 0; i < stored.Length; i += sizeof(ulong))
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(write.Memory.Span[i..]) == SliceEntry.Invalid)
            {
                stored.AsSpan(i, sizeof(ulong)).CopyTo(write.Memory.Span[i..]);
            }
        }
    }

    private void Add(List<SectorWrite> writes, DirtySlice slice, int sector)
    {
        if (_used + QedGeometry.SectorBytes > BufferBytes)
        {
            _buffers.Add(ArrayPool<byte>.Shared.Rent(BufferBytes));
            _used = 0;
        }

        byte[] buffer = _buffers[^1];
        Span<byte> image = buffer.AsSpan(_used, QedGeometry.SectorBytes);
        bool hasInvalid = false;
        for (int i = 0; i < DirtySlice.SectorEntries; i++)
        {
            ulong entry = slice.Page.Get((sector * DirtySlice.SectorEntries) + i);
            hasInvalid |= entry == SliceEntry.Invalid;
            BinaryPrimitives.WriteUInt64LittleEndian(image[(i * sizeof(ulong))..], entry);
        }

        SectorWrite write = new(slice.StorageOffset + (sector * QedGeometry.SectorBytes), buffer, _used, QedGeometry.SectorBytes, hasInvalid);
        _used += QedGeometry.SectorBytes;
        if (writes.Count > 0 && writes[^1].TryAppend(write, out SectorWrite longer))
        {
            writes[^1] = longer;
        }
        else
        {
            writes.Add(write);
        }
    }
}
