using System.Buffers.Binary;
using QedVd;
using SmallestBackend;

[assembly: ImageBackend(typeof(TwoImgBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace SmallestBackend;

/// <summary>
/// 2IMG, the format of Apple II emulators for hard disks: a header of 64 bytes, then the blocks as they are. All fields are little endian:
/// 0 "2IMG", 4 creator, 8 header length, 10 version, 12 order of the data (1: blocks), 16 flags (bit 31: locked), 20 blocks, 24 offset and 28 length of the data.
/// </summary>
public sealed class TwoImgBackend : ImageBackendBase
{
    private const int HeaderBytes = 64;
    private const int BlockBytes = 512;
    private const uint BlockOrder = 1;
    private const uint Locked = 1u << 31;

    // The data's length has 32 bits.
    private const long LargestBytes = uint.MaxValue - HeaderBytes - BlockBytes;

    public override BackendInfo Info { get; } = new()
    {
        Id = "twoimg",
        DisplayName = "Apple II universal disk image",
        Capabilities = ImageCapabilities.Write | ImageCapabilities.CreateFixed | ImageCapabilities.File,
        FileExtensions = [".2mg", ".2img"],
        ProbeBytes = HeaderBytes,
    };

    public override ProbeResult Probe(in ProbeInput input) => input.Start.StartsWith("2IMG"u8)
        ? new ProbeResult(ProbeConfidence.Certain, "magic 2IMG")
        : new ProbeResult(ProbeConfidence.No, "no magic 2IMG");

    protected override async ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken)
    {
        RefuseOptions(storage, options.FormatOptions, "open");
        byte[] header = new byte[HeaderBytes];
        int read = await TIo.ReadAsync(storage, 0, new IoBuffer(header.AsMemory()), cancellationToken).ConfigureAwait(false);
        (long offset, long lengthBytes) = Validate(storage, header.AsSpan(0, read), options.Flags);
        return new TwoImgImage(this, storage, options.Flags, offset, lengthBytes);
    }

    protected override async ValueTask CreateCore<TIo>(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken)
    {
        RefuseOptions(storage, options.FormatOptions, "create");
        if (options.Parent is not null)
        {
            throw ImageException.NotSupported("naming a parent (2IMG has no place for it)", storage.Name);
        }

        if (options.VirtualSizeBytes is < 0 or > LargestBytes)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{storage.Name}: {options.VirtualSizeBytes} bytes: a 2IMG disk has 0 to {LargestBytes}. Choose another size.", storage.Name, "create");
        }

        long blocks = (options.VirtualSizeBytes + BlockBytes - 1) / BlockBytes;
        byte[] header = new byte[HeaderBytes];
        "2IMGQEDV"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(10), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), BlockOrder);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(20), (uint)blocks);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(24), HeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(28), (uint)(blocks * BlockBytes));

        await TIo.AllocateAsync(storage, 0, HeaderBytes + (blocks * BlockBytes), cancellationToken).ConfigureAwait(false);
        await TIo.WriteAsync(storage, 0, new IoBuffer(header.AsMemory()), cancellationToken).ConfigureAwait(false);
        await TIo.BarrierAsync(storage, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The one place that looks at the header; every field is hostile until it has passed here.</summary>
    private static (long Offset, long LengthBytes) Validate(IImageStorage storage, ReadOnlySpan<byte> header, ImageOpenFlags flags)
    {
        if (!header.StartsWith("2IMG"u8))
        {
            throw new ImageException(ImageErrorKind.NotThisFormat, $"{storage.Name}: no magic 2IMG at its start; it is not a 2IMG image.", storage.Name, "open");
        }

        if (header.Length < HeaderBytes)
        {
            throw Corrupt(storage, $"the file ends after {header.Length} of {HeaderBytes} bytes of header");
        }

        uint order = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        if (order != BlockOrder)
        {
            throw new ImageException(ImageErrorKind.UnsupportedFeature, $"{storage.Name}: data order is {order}; only {BlockOrder} (blocks) is supported. Convert it with the emulator that made it.", storage.Name, "open");
        }

        uint headerBytes = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);
        uint blocks = BinaryPrimitives.ReadUInt32LittleEndian(header[20..]);
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(header[24..]);
        uint lengthBytes = BinaryPrimitives.ReadUInt32LittleEndian(header[28..]);
        if (offset < Math.Max(headerBytes, HeaderBytes) || lengthBytes != (long)blocks * BlockBytes || offset + (long)lengthBytes > storage.GetLength())
        {
            throw Corrupt(storage, $"{blocks} blocks, data of {lengthBytes} bytes at {offset}, header of {headerBytes}, in a file of {storage.GetLength()} bytes");
        }

        bool forWriting = (flags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) == 0;
        return forWriting && (BinaryPrimitives.ReadUInt32LittleEndian(header[16..]) & Locked) != 0
            ? throw new ImageException(ImageErrorKind.ReadOnly, $"{storage.Name}: the image is marked as locked (flags, bit 31). Open it read-only.", storage.Name, "open")
            : ((long Offset, long LengthBytes))(offset, lengthBytes);
    }

    private static void RefuseOptions(IImageStorage storage, IReadOnlyDictionary<string, string> options, string operation)
    {
        foreach (string name in options.Keys)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{storage.Name}: 2IMG images have no option '{name}'. Leave it out.", storage.Name, operation);
        }
    }

    private static ImageException Corrupt(IImageStorage storage, string what) =>
        new(ImageErrorKind.Corrupt, $"{storage.Name}: the 2IMG header contradicts itself or the file: {what}.", storage.Name, "open");
}
