using System.Buffers.Binary;
using System.Globalization;

namespace QedVd.TestKit;

/// <summary>
/// A small format of our own for tests: a header, one table that is kept in memory, blocks. It has everything that makes composing interesting
/// (a parent's name, zero blocks, any block size) and nothing that makes a format fast.
/// </summary>
/// <remarks>
/// Layout, little-endian: 8 bytes magic, u32 block size, u32 length of the parent's name, u64 size, u32 flags (1: names a parent, 2: it is raw),
/// u64 where the table lies at 32 (0: at 4096), the name at 64; the table is a u64 for each block: 0 free, 1 zero, otherwise where it lies.
/// </remarks>
public sealed class MemoryBackend : ImageBackendBase
{
    /// <summary>The option for the size of a block.</summary>
    public const string BlockSizeOption = "block_size";

    internal const int SizeOffset = 16;
    internal const int FlagsOffset = 24;
    internal const int TableOffsetOffset = 32;
    internal const int NameBytesOffset = 12;
    internal const int HeaderBytes = 4096;
    internal const int MostBlocks = 1 << 20;
    private const ulong Magic = 0x314B434F4C424D54;
    internal const int NameOffset = 64;
    private const int DefaultBlockBytes = 4096;

    private const ImageCapabilities Maintenance = ImageCapabilities.Grow | ImageCapabilities.Shrink | ImageCapabilities.Compact
        | ImageCapabilities.SetParent | ImageCapabilities.SetOpenFlags;

    /// <summary>A backend of what composing disks needs.</summary>
    public MemoryBackend()
        : this(canMaintain: false)
    {
    }

    /// <summary>A backend that can also resize and compact its images, and change their flags and their parent's name.</summary>
    public MemoryBackend(bool canMaintain)
    {
        if (canMaintain)
        {
            Info = Info with { Capabilities = Info.Capabilities | Maintenance };
        }
    }

    /// <inheritdoc/>
    public override BackendInfo Info { get; } = new()
    {
        Id = "testblocks",
        DisplayName = "Test blocks",
        Capabilities = ImageCapabilities.Write | ImageCapabilities.CreateDynamic | ImageCapabilities.Differencing | ImageCapabilities.Asynchronous
            | ImageCapabilities.File | ImageCapabilities.Options | ImageCapabilities.WriteZeroes,
        FileExtensions = [".testblocks"],
        Options = [new OptionDescriptor(BlockSizeOption, OptionKind.Size, "bytes in a block, a power of two from 512 to 16 MiB", DefaultBlockBytes.ToString(CultureInfo.InvariantCulture))],
        ProbeBytes = NameOffset,
    };

    /// <inheritdoc/>
    public override ProbeResult Probe(in ProbeInput input) =>
        input.Start.Length >= 8 && BinaryPrimitives.ReadUInt64LittleEndian(input.Start) == Magic
            ? new ProbeResult(ProbeConfidence.Certain, "the magic of test blocks")
            : new ProbeResult(ProbeConfidence.No, "no magic");

    /// <inheritdoc/>
    protected override async ValueTask CreateCore<TIo>(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken)
    {
        uint blockBytes = DefaultBlockBytes;
        foreach ((string name, string value) in options.FormatOptions)
        {
            if (name != BlockSizeOption || !uint.TryParse(value, CultureInfo.InvariantCulture, out blockBytes) || !IsBlockSize(blockBytes))
            {
                throw new ImageException(ImageErrorKind.InvalidArgument, $"{storage.Name}: option {name} with value {value} is not one of test blocks.", storage.Name, "create");
            }
        }

        byte[] parent = options.Parent is null ? [] : options.Parent.NameBytes.ToArray();
        long size = options.VirtualSizeBytes < 0 ? -1 : (options.VirtualSizeBytes + 511) / 512 * 512;
        long blocks = size < 0 ? -1 : (size + blockBytes - 1) / blockBytes;
        if (blocks is < 0 or > MostBlocks || parent.Length > HeaderBytes - NameOffset)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{storage.Name}: {options.VirtualSizeBytes} bytes in blocks of {blockBytes}, a parent's name of {parent.Length} bytes: out of range.", storage.Name, "create");
        }

        byte[] start = new byte[HeaderBytes + (blocks * sizeof(ulong))];
        BinaryPrimitives.WriteUInt64LittleEndian(start, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(start.AsSpan(8), blockBytes);
        BinaryPrimitives.WriteInt32LittleEndian(start.AsSpan(12), parent.Length);
        BinaryPrimitives.WriteInt64LittleEndian(start.AsSpan(16), size);
        BinaryPrimitives.WriteUInt32LittleEndian(start.AsSpan(24), options.Parent switch { null => 0u, { IsRaw: true } => 3u, _ => 1u });
        parent.CopyTo(start, NameOffset);
        await TIo.WriteAsync(storage, 0, new IoBuffer(start.AsMemory()), cancellationToken);
        await TIo.BarrierAsync(storage, cancellationToken);
    }

    /// <inheritdoc/>
    protected override async ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken)
    {
        byte[] header = new byte[HeaderBytes];
        if (await TIo.ReadAsync(storage, 0, new IoBuffer(header.AsMemory()), cancellationToken) < HeaderBytes || BinaryPrimitives.ReadUInt64LittleEndian(header) != Magic)
        {
            throw new ImageException(ImageErrorKind.NotThisFormat, $"{storage.Name}: not an image of test blocks.", storage.Name, "open");
        }

        uint blockBytes = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
        int nameBytes = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12));
        long size = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16));
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(24));
        if (!IsBlockSize(blockBytes) || nameBytes is < 0 or > HeaderBytes - NameOffset || size < 0 || size % 512 != 0 || size / blockBytes >= MostBlocks || flags is not (0 or 1 or 3))
        {
            throw new ImageException(ImageErrorKind.Corrupt, $"{storage.Name}: block size {blockBytes}, size {size}, flags {flags}, name of {nameBytes} bytes: out of range.", storage.Name, "open");
        }

        if ((options.Flags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) == 0 && storage.IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{storage.Name}: open for reading only.", storage.Name, "open");
        }

        long tableOffset = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(TableOffsetOffset));
        tableOffset = tableOffset < HeaderBytes ? HeaderBytes : tableOffset;
        long[] table = await ReadTableAsync<TIo>(storage, tableOffset, size, blockBytes, cancellationToken);
        ParentReference? parent = flags == 0 ? null : new ParentReference(header.AsSpan(NameOffset, nameBytes), flags == 3 ? ParentReference.Raw : null);
        return new MemoryImage(this, storage, options, (int)blockBytes, size, table, tableOffset, parent);
    }

    private static async ValueTask<long[]> ReadTableAsync<TIo>(IImageStorage storage, long tableOffset, long size, uint blockBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long[] table = new long[(size + blockBytes - 1) / blockBytes];
        byte[] bytes = new byte[table.Length * sizeof(long)];
        int read = bytes.Length == 0 ? 0 : await TIo.ReadAsync(storage, tableOffset, new IoBuffer(bytes.AsMemory()), cancellationToken);
        long length = storage.GetLength();
        for (int i = 0; i < table.Length; i++)
        {
            table[i] = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(i * sizeof(long)));
            if (read < bytes.Length || table[i] is < 0 or (> 1 and < HeaderBytes) || (table[i] > 1 && table[i] > length - blockBytes))
            {
                throw new ImageException(ImageErrorKind.Corrupt, $"{storage.Name}: entry {i} of the table is {table[i]}, the file has {length} bytes.", storage.Name, "open");
            }
        }

        return table;
    }

    private static bool IsBlockSize(uint bytes) => bytes is >= 512 and <= 16 << 20 && (bytes & (bytes - 1)) == 0;
}
