using static QedVd.Host.NamedFormatKind;

namespace QedVd.Host;

/// <summary>Image and archive formats by their marks, as their public specifications give them.</summary>
internal static class ContainerSignatures
{
    private const string VmdkName = "VMware disk";
    private const string VhdName = "Virtual PC / Hyper-V disk (VHD)";
    private const string ParallelsName = "Parallels disk";

    public static FormatSignature[] All { get; } =
    [
        new("qed", "QEMU Enhanced Disk", Container, 0, "QED\0"),
        new("qcow", "QEMU copy-on-write image, version 1", Container, 0, "QFI\u00FB\0\0\0\u0001"),
        new("qcow2", "QEMU copy-on-write image, version 2", Container, 0, "QFI\u00FB\0\0\0\u0002"),
        new("qcow2", "QEMU copy-on-write image, version 3", Container, 0, "QFI\u00FB\0\0\0\u0003"),
        new("vhdx", "Hyper-V disk (VHDX)", Container, 0, "vhdxfile"),
        new("vpc", VhdName, Container, 0, "conectix"),
        new("vpc", $"{VhdName}, fixed size", Container, -512, "conectix"),
        // Early Virtual PC wrote a footer of 511 bytes.
        new("vpc", $"{VhdName}, fixed size", Container, -511, "conectix"),
        new("vmdk", $"{VmdkName}, sparse", Container, 0, "KDMV"),
        new("vmdk", $"{VmdkName}, ESX sparse", Container, 0, "COWD"),
        new("vmdk", $"{VmdkName}, descriptor", Container, 0, "# Disk DescriptorFile"),
        new("vdi", "VirtualBox disk (VDI)", Container, 0x40, "\u007F\u0010\u00DA\u00BE"),
        new("parallels", ParallelsName, Container, 0, "WithoutFreeSpace"),
        new("parallels", $"{ParallelsName}, extended", Container, 0, "WithouFreSpacExt"),
        new("dmg", "Apple disk image (UDIF)", Container, -512, "koly\0\0\0\u0004"),
        new("sparseimage", "Apple sparse image", Container, 0, "sprs"),
        new("cloop", "compressed loop image", Container, 0, "#!/bin/sh\n#V2.0 Format\n"),
        new("bochs", "Bochs disk", Container, 0, "Bochs Virtual HD Image"),
        new("luks", "LUKS encrypted volume", Container, 0, "LUKS\u00BA\u00BE"),
        new("ewf", "EnCase / Expert Witness image", Container, 0, "EVF\u0009\u000D\u000A\u00FF\0"),
        new("wim", "Windows imaging archive", Container, 0, "MSWIM\0\0\0"),
        new("gzip", "a file compressed with gzip", Container, 0, "\u001F\u008B\u0008"),
        new("bzip2", "a file compressed with bzip2", Container, 0, "BZh", (4, "1AY&SY")),
        new("xz", "a file compressed with xz", Container, 0, "\u00FD7zXZ\0"),
        new("zstd", "a file compressed with zstd", Container, 0, "\u0028\u00B5\u002F\u00FD"),
        new("lz4", "a file compressed with lz4", Container, 0, "\u0004\u0022\u004D\u0018"),
        new("zip", "a zip archive", Container, 0, "PK\u0003\u0004"),
        new("7z", "a 7-Zip archive", Container, 0, "7z\u00BC\u00AF\u0027\u001C"),
        new("tar", "a tar archive", Container, 257, "ustar"),
    ];
}
