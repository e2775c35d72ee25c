using System.Buffers.Binary;
using System.Text;

namespace QedVd.Crashes.Tests.Images.Brittle;

/// <summary>
/// A format that is as small as one can be to which all the rules of ordering apply, and that breaks the one it is told to: to prove that the explorer finds
/// it. Blocks of 4096 bytes: 0 is the header (magic, mark, size, place and length of the name), 1 the table of tables, all others are tables or data.
/// </summary>
internal sealed class BrittleBackend(BrokenRule broken) : ImageBackendBase
{
    public const int BlockBytes = 4096;
    public const int Entries = BlockBytes / sizeof(long);
    public const long SpanBytes = (long)Entries * BlockBytes;
    public const long L1Offset = BlockBytes;
    public const int HeaderBytes = 40;

    /// <summary>Two places for the name: a new one is written into that which the old one does not use.</summary>
    public const int FirstNameOffset = 256;
    public const int SecondNameOffset = 2304;

    public static ReadOnlySpan<byte> Magic => "BRITTLE!"u8;

    public BrokenRule Broken => broken;

    public override BackendInfo Info { get; } = new()
    {
        Id = "brittle",
        DisplayName = "A format for proving the crash explorer",
        Capabilities = ImageCapabilities.Write | ImageCapabilities.CreateDynamic | ImageCapabilities.Check | ImageCapabilities.Repair | ImageCapabilities.Discard
            | ImageCapabilities.SetParent | ImageCapabilities.Grow,
    };

    public override ProbeResult Probe(in ProbeInput input) => input.Start.StartsWith(Magic)
        ? new ProbeResult(ProbeConfidence.Certain, "magic")
        : new ProbeResult(ProbeConfidence.No, "no magic");

    public static byte[] Header(bool isMarked, long sizeBytes, long nameOffset, long nameBytes)
    {
        byte[] header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), isMarked ? 1 : 0);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), sizeBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), nameOffset);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), nameBytes);
        return header;
    }

    public static long Number(IImageStorage storage, long offset)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        return storage.Read(offset, bytes) == bytes.Length
            ? BinaryPrimitives.ReadInt64LittleEndian(bytes)
            : throw new ImageException(ImageErrorKind.Corrupt, $"{storage.Name}: cut at {offset}.", storage.Name, "read");
    }

    public static string? NameOf(IImageStorage storage)
    {
        byte[] name = new byte[Number(storage, 32)];
        storage.Read(Number(storage, 24), name);
        return name.Length == 0 ? null : Encoding.UTF8.GetString(name);
    }

    public override ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        new(BrittleCheck.Run(storage, options.Repair, broken));

    protected override ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken)
    {
        bool recovers = Number(storage, 8) != 0 && (broken == BrokenRule.ReadOnlyOpening || (options.Flags & ImageOpenFlags.ReadOnly) == 0);
        if (recovers)
        {
            while (broken == BrokenRule.EndOfOpening)
            {
                Number(storage, 8);
            }

            if (broken == BrokenRule.OpeningOfMarked)
            {
                throw new ImageException(ImageErrorKind.Corrupt, $"{storage.Name}: not closed.", storage.Name, "open");
            }

            BrittleCheck.Run(storage, RepairMode.All, broken);
        }

        return new(new BrittleImage(this, storage, options, recovers));
    }

    protected override ValueTask CreateCore<TIo>(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken)
    {
        byte[] name = options.Parent?.NameBytes.ToArray() ?? [];
        storage.SetLength(2 * BlockBytes);
        storage.Write(L1Offset, new byte[BlockBytes]);
        storage.Write(FirstNameOffset, name);
        storage.Write(0, Header(isMarked: false, options.VirtualSizeBytes, FirstNameOffset, name.Length));
        storage.Barrier();
        return default;
    }
}
