using static QedVd.Host.NamedFormatKind;

namespace QedVd.Host;

/// <summary>What a raw disk may begin with: file systems and volumes by their marks.</summary>
internal static class ContentSignatures
{
    public static FormatSignature[] All { get; } =
    [
        new("iso", "ISO 9660 optical disc", Content, 0x8001, "CD001"),
        new("udf", "UDF optical disc", Content, 0x8001, "BEA01"),
        new("xfs", "raw, an XFS file system", Content, 0, "XFSB"),
        new("ntfs", "raw, an NTFS file system", Content, 3, "NTFS    ", (510, "\u0055\u00AA")),
        new("fat", "raw, a FAT file system", Content, 82, "FAT32   ", (510, "\u0055\u00AA")),
        new("fat", "raw, a FAT file system", Content, 54, "FAT1", (510, "\u0055\u00AA")),
        new("exfat", "raw, an exFAT file system", Content, 3, "EXFAT   ", (510, "\u0055\u00AA")),
        // The ext magic has two bytes only; revision 1 and the usual creator (Linux) go with it.
        new("ext", "raw, an ext2, ext3 or ext4 file system", Content, 0x438, "\u0053\u00EF", (0x448, "\0\0\0\0\u0001\0\0\0")),
        new("squashfs", "raw, a squashfs file system", Content, 0, "hsqs"),
        new("swap", "raw, Linux swap space", Content, 4086, "SWAPSPACE2"),
        new("lvm", "raw, an LVM physical volume", Content, 512, "LABELONE", (536, "LVM2 001")),
    ];
}
