using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace QedVd.Backends.Qed;

/// <summary>
/// Streams the entries of one table after the other through one buffer, jumping over holes where the storage can tell them: what is a hole is
/// unallocated. For one user at a time.
/// </summary>
internal sealed class TableReader
{
    /// <summary>Longest read, unless told otherwise.</summary>
    public const int ChunkBytes = 256 << 10;

    /// <summary>Asking for holes pays from this size on; and no read is shorter, so that many small holes cost little.</summary>
    private const int SmallReadBytes = 32 << 10;

    private readonly IImageStorage _storage;
    private readonly bool _canMapHoles;
    private readonly long _tableBytes;
    private readonly int _chunkBytes;
    private byte[] _buffer = [];
    private int _length;

    // Where the storage was last found to hold data. What has become a hole since is read as zeros, which is as good.
    private long _dataStart;
    private long _dataEnd;

    public TableReader(IImageStorage storage, QedGeometry geometry, int chunkBytes = ChunkBytes)
    {
        _storage = storage;
        _tableBytes = geometry.TableBytes;
        _chunkBytes = chunkBytes;
        _canMapHoles = (storage.Facts & StorageFacts.CanMapHoles) != 0 && _tableBytes > SmallReadBytes;
    }

    /// <summary>The entries that were read last.</summary>
    public ReadOnlySpan<ulong> Entries => MemoryMarshal.Cast<byte, ulong>(_buffer.AsSpan(0, _length));

    /// <summary>Index in the table of the first of <see cref="Entries"/>.</summary>
    public int FirstIndex { get; private set; }

    /// <summary>Index of the first entry that was not looked at yet. After a failed read: behind what could not be read.</summary>
    public int NextIndex { get; private set; }

    /// <summary>Starts at an entry of a table.</summary>
    public void Rewind(int index = 0)
    {
        NextIndex = index;
        FirstIndex = index;
        _length = 0;
    }

    /// <summary>Reads the next entries of the table that may be other than 0; false at the end of the table.</summary>
    /// <exception cref="ImageException">The storage failed or has become shorter; the call may be repeated and goes on behind.</exception>
    public async ValueTask<bool> NextAsync<TIo>(long tableOffset, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        cancellationToken.ThrowIfCancellationRequested();
        long at = (long)NextIndex * QedGeometry.EntryBytes;
        long chunk = Math.Min(_chunkBytes, _tableBytes - at);
        if (_canMapHoles && chunk > 0)
        {
            StorageExtent extent = ExtentAt(tableOffset + at);
            if (extent.IsHole)
            {
                // Down to whole entries; what a strange boundary leaves is read.
                at += Math.Min(extent.LengthBytes, _tableBytes - at) & -QedGeometry.EntryBytes;
                chunk = Math.Min(SmallReadBytes, _tableBytes - at);
            }
            else
            {
                long data = Math.Max(extent.LengthBytes, SmallReadBytes) & -QedGeometry.EntryBytes;
                chunk = Math.Min(chunk, data);
            }
        }

        FirstIndex = (int)(at / QedGeometry.EntryBytes);
        NextIndex = (int)((at + chunk) / QedGeometry.EntryBytes);
        _length = 0;
        if (chunk <= 0)
        {
            return false;
        }

        if (_buffer.Length < chunk)
        {
            _buffer = GC.AllocateUninitializedArray<byte>((int)Math.Min(_chunkBytes, _tableBytes));
        }

        int length = (int)chunk;
        int read = await TIo.ReadAsync(_storage, tableOffset + at, new IoBuffer(_buffer.AsMemory(0, length)), cancellationToken).ConfigureAwait(false);
        if (read < length)
        {
            throw new ImageException(
                ImageErrorKind.Io,
                $"{_storage.Name}: the file is truncated: a table that should have {length} bytes at {tableOffset + at} has {read}.",
                _storage.Name,
                "read",
                tableOffset + at);
        }

        _length = length;
        if (!BitConverter.IsLittleEndian)
        {
            Span<ulong> entries = MemoryMarshal.Cast<byte, ulong>(_buffer.AsSpan(0, length));
            BinaryPrimitives.ReverseEndianness(entries, entries);
        }

        return true;
    }

    /// <summary>A storage that cannot answer costs a read, not the check.</summary>
    private StorageExtent ExtentAt(long offset)
    {
        if (offset >= _dataStart && offset < _dataEnd)
        {
            return new StorageExtent(_dataEnd - offset, IsHole: false);
        }

        try
        {
            StorageExtent extent = _storage.GetExtent(offset);
            if (!extent.IsHole)
            {
                (_dataStart, _dataEnd) = (offset, offset + extent.LengthBytes);
            }

            return extent;
        }
        catch (ImageException)
        {
            return new StorageExtent(long.MaxValue, IsHole: false);
        }
    }
}
