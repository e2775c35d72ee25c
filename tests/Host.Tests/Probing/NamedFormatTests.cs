using System.Buffers.Binary;
using System.Text;
using QedVd.TestKit;

namespace QedVd.Host.Tests;

/// <summary>Well-known formats that no backend is for are named.</summary>
public sealed class NamedFormatTests
{
    private const int Length = 96 << 10;

    /// <summary>Images made by QEMU's own tool: format, options, the id that we name, how the name for people begins.</summary>
    public static TheoryData<string, string, string, string> QemuFormats => new()
    {
        { "qcow", "", "qcow", "QEMU copy-on-write image, version 1" },
        { "qcow2", "compat=0.10", "qcow2", "QEMU copy-on-write image, version 2" },
        { "qcow2", "compat=1.1", "qcow2", "QEMU copy-on-write image, version 3" },
        { "qed", "", "qed", "QEMU Enhanced Disk" },
        { "vhdx", "", "vhdx", "Hyper-V disk (VHDX)" },
        { "vpc", "subformat=dynamic", "vpc", "Virtual PC / Hyper-V disk (VHD)" },
        { "vpc", "subformat=fixed", "vpc", "Virtual PC / Hyper-V disk (VHD), fixed size" },
        { "vmdk", "subformat=monolithicSparse", "vmdk", "VMware disk, sparse" },
        { "vmdk", "subformat=monolithicFlat", "vmdk", "VMware disk, descriptor" },
        { "vdi", "", "vdi", "VirtualBox disk (VDI)" },
        { "parallels", "", "parallels", "Parallels disk, extended" },
    };

    [Theory]
    [MemberData(nameof(QemuFormats))]
    public async Task Image_MadeByQemu_IsNamed(string format, string options, string id, string name)
    {
        using var folder = new PluginFolder();
        string path = Path.Combine(folder.Root, "image");
        (await ToolRun.RunAsync(Peers.Require("qemu-img"), ["create", "-q", "-f", format, .. options.Length == 0 ? Array.Empty<string>() : ["-o", options], path, "8M"])).ShouldExitWith(0);

        NamedFormat named = Assert.Single(Name(await File.ReadAllBytesAsync(path)));

        Assert.Equal((id, name, NamedFormatKind.Container), (named.Id, named.DisplayName, named.Kind));
    }

    [Theory]
    [InlineData("dmg", -512, "koly\0\0\0\u0004", "mark 6b6f6c7900000004 512 bytes before the end")]
    [InlineData("vpc", -511, "conectix", "mark \"conectix\" 511 bytes before the end")]
    [InlineData("bochs", 0, "Bochs Virtual HD Image", "mark \"Bochs Virtual HD Image\" at offset 0")]
    [InlineData("cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop", null)]
    [InlineData("parallels", 0, "WithoutFreeSpace", "mark \"WithoutFreeSpace\" at offset 0")]
    [InlineData("vmdk", 0, "COWD", "mark \"COWD\" at offset 0")]
    [InlineData("luks", 0, "LUKS\u00BA\u00BE\0\u0002", "mark 4c554b53babe at offset 0")]
    [InlineData("gzip", 0, "\u001F\u008B\u0008\0", "mark 1f8b08 at offset 0")]
    [InlineData("bzip2", 0, "BZh91AY&SY", "mark \"BZh\" at offset 0")]
    [InlineData("xz", 0, "\u00FD7zXZ\0\0\u0004", "mark fd377a585a00 at offset 0")]
    [InlineData("zip", 0, "PK\u0003\u0004", "mark 504b0304 at offset 0")]
    [InlineData("zstd", 0, "\u0028\u00B5\u002F\u00FD", null)]
    [InlineData("7z", 0, "7z\u00BC\u00AF\u0027\u001C", null)]
    [InlineData("lz4", 0, "\u0004\"M\u0018", null)]
    [InlineData("tar", 257, "ustar", null)]
    [InlineData("ewf", 0, "EVF\u0009\r\n\u00FF\0", null)]
    [InlineData("wim", 0, "MSWIM\0\0\0", null)]
    [InlineData("sparseimage", 0, "sprs", null)]
    public void Container_IsNamedByItsMark(string id, int offset, string mark, string? reason)
    {
        NamedFormat named = Assert.Single(Name(With((offset, mark))));

        Assert.Equal((id, NamedFormatKind.Container), (named.Id, named.Kind));
        Assert.True(reason is null || reason == named.Reason, named.Reason);
    }

    [Theory]
    [InlineData("iso", 0x8001, "CD001")]
    [InlineData("udf", 0x8001, "BEA01")]
    [InlineData("xfs", 0, "XFSB")]
    [InlineData("squashfs", 0, "hsqs")]
    [InlineData("swap", 4086, "SWAPSPACE2")]
    [InlineData("gpt", 512, "EFI PART")]
    [InlineData("gpt", 4096, "EFI PART")]
    public void ContentOfARawDisk_IsNamedAsSuch_AndMayBeReadAsRaw(string id, int offset, string mark)
    {
        NamedFormat named = Assert.Single(Name(With((offset, mark))));

        Assert.Equal((id, NamedFormatKind.Content), (named.Id, named.Kind));
    }

    [Fact]
    public void BootSectors_OfFileSystems_AreNamed()
    {
        Assert.Equal("ntfs", Assert.Single(Name(With((3, "NTFS    "), (510, "U\u00AA"), (446, "\u0001")))).Id);
        Assert.Equal("fat", Assert.Single(Name(With((82, "FAT32   "), (510, "U\u00AA"), (446, "\u0001")))).Id);
        Assert.Equal("lvm", Assert.Single(Name(With((512, "LABELONE"), (536, "LVM2 001")))).Id);
        Assert.Equal("ext", Assert.Single(Name(With((0x438, "S\u00EF"), (0x44C, "\u0001")))).Id);
        Assert.Empty(Name(With((3, "NTFS    "))));
        Assert.Empty(Name(With((0x438, "S\u00EF"))));
        Assert.Empty(Name(With((0, "BZh9"))));
    }

    [Fact]
    public void PartitionTable_WithPlausibleEntries_IsNamed_AndNothingElse()
    {
        Assert.Equal("raw, a disk with an MBR partition table", Assert.Single(Name(Mbr((0x80, 0x83, 2048, 100)), 1 << 30)).DisplayName);
        Assert.Equal("boot signature 55aa at offset 510, 2 partition(s)", Assert.Single(Name(Mbr((0, 7, 63, 9), (0, 0xEE, 1, uint.MaxValue)), 1 << 30)).Reason);

        Assert.Empty(Name(Mbr(), 1 << 30));
        Assert.Empty(Name(Mbr((0x12, 0x83, 2048, 100)), 1 << 30));
        Assert.Empty(Name(Mbr((0, 0x83, 0, 100)), 1 << 30));
        Assert.Empty(Name(Mbr((0, 0x83, 2048, 0)), 1 << 30));
        Assert.Empty(Name(Mbr((0, 0x83, 5000, 1)), 2048 * 512));
    }

    [Fact]
    public void HybridDisc_IsNamedForBoth_WithContainersFirst()
    {
        byte[] content = With((0x8001, "CD001"));
        Mbr((0x80, 0x17, 64, 100)).CopyTo(content, 0);
        "koly\0\0\0\u0004"u8.CopyTo(content.AsSpan(content.Length - 512));

        Assert.Equal(["dmg", "mbr", "iso"], Name(content).Select(format => format.Id));
    }

    private static byte[] With(params ReadOnlySpan<(int Offset, string Mark)> marks)
    {
        byte[] content = new byte[Length];
        foreach ((int offset, string mark) in marks)
        {
            Encoding.Latin1.GetBytes(mark).CopyTo(content, offset < 0 ? content.Length + offset : offset);
        }

        return content;
    }

    private static byte[] Mbr(params (byte Status, byte Type, uint First, uint Count)[] entries)
    {
        byte[] sector = new byte[512];
        sector[510] = 0x55;
        sector[511] = 0xAA;
        for (int i = 0; i < entries.Length; i++)
        {
            Span<byte> entry = sector.AsSpan(446 + (i * 16), 16);
            entry[0] = entries[i].Status;
            entry[4] = entries[i].Type;
            BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], entries[i].First);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[12..], entries[i].Count);
        }

        return sector;
    }

    private static IReadOnlyList<NamedFormat> Name(byte[] content, long lengthBytes = 0)
    {
        using SimulatedStorage storage = new(new SimulatedFile("unknown", content: content));
        storage.SetLength(Math.Max(content.Length, lengthBytes));
        return new Prober(new BackendCatalog()).Probe(storage).NamedFormats;
    }
}
