using System.Buffers.Binary;

namespace QedVd.Host;

/// <summary>Recognises a partition table. Its mark is two bytes that boot sectors share, so the entries must make sense too.</summary>
internal static class PartitionTables
{
    private const int EntriesOffset = 446;
    private const int EntryBytes = 16;
    private const int EntryCount = 4;
    private const byte ProtectiveType = 0xEE;

    public static NamedFormat? Match(ProbeWindow window)
    {
        if (window.Has(512, "EFI PART"u8) || window.Has(4096, "EFI PART"u8))
        {
            int offset = window.Has(512, "EFI PART"u8) ? 512 : 4096;
            return new NamedFormat("gpt", "raw, a disk with a GPT partition table", NamedFormatKind.Content, $"mark \"EFI PART\" at offset {offset}");
        }

        if (!window.Has(510, [0x55, 0xAA]))
        {
            return null;
        }

        int partitions = 0;
        for (int i = 0; i < EntryCount; i++)
        {
            ReadOnlySpan<byte> entry = window.Start.Slice(EntriesOffset + (i * EntryBytes), EntryBytes);
            byte status = entry[0];
            byte type = entry[4];
            uint first = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            uint count = BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]);
            if ((status & 0x7F) != 0)
            {
                return null;
            }

            if (type == 0)
            {
                continue;
            }

            // A protective entry may claim more than a small disk has.
            if (first == 0 || count == 0 || (type != ProtectiveType && first * 512L >= window.LengthBytes))
            {
                return null;
            }

            partitions++;
        }

        return partitions == 0
            ? null
            : new NamedFormat("mbr", "raw, a disk with an MBR partition table", NamedFormatKind.Content, $"boot signature 55aa at offset 510, {partitions} partition(s)");
    }
}
