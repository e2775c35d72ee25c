using static QedVd.Hostile.Tests.Cases.Answers;
using static QedVd.Hostile.Tests.Cases.CaseFolder;
using static QedVd.Hostile.Tests.Cases.ChainCases;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>Files that are not what their place in the command line makes one expect.</summary>
internal static class FileCases
{
    public static IEnumerable<HostileCase> All => [.. Things, .. Pretenders];

    private static IEnumerable<HostileCase> Things =>
    [
        new("M88 image that is a FIFO", f => f.MakeFifo("a.qed"), NoFile("a.qed")) { CouldBlock = true },
        new("M81 image that is a block device", f => f.MakeBlockDevice("a.qed"), NoFile("a.qed")) { CouldBlock = true },
        new("image that is a folder", f => Directory.CreateDirectory(f.Image), NoFile("a.qed")),
        new("image that is a socket", f => f.MakeSocket("a.qed"), NoFile("a.qed")) { CouldBlock = true },
        new("image that is a link to a device", f => File.CreateSymbolicLink(f.Image, "/dev/zero"), NoFile("a.qed")) { CouldBlock = true },
        new("image that is a link to a terminal", f => File.CreateSymbolicLink(f.Image, "/dev/tty"), NoFile("a.qed")) { CouldBlock = true },
        new("image that is a link to the process's memory", f => File.CreateSymbolicLink(f.Image, "/proc/self/mem"), NoFile("a.qed")) { CouldBlock = true },
        new("image that is a link to a FIFO", f => { f.MakeFifo("pipe"); File.CreateSymbolicLink(f.Image, "pipe"); }, NoFile("a.qed")) { CouldBlock = true },
        new("image that is missing", _ => { }, NoFile("a.qed")),
        new("image that is a link to nothing", f => File.CreateSymbolicLink(f.Image, "none"), NoFile("a.qed")),
        new("image that is a link to itself", f => File.CreateSymbolicLink(f.Image, "a.qed"), NoFile("a.qed")),
        new("image that is a link to a sound one", f => { f.SaveUsual("b.qed"); File.CreateSymbolicLink(f.Image, "b.qed"); }, Fine.Failing("rename", "this name is a link")),
        new("image whose own name has an escape sequence", f => f.Save("a\u001b[31m\n\u202e.qed", Usual().SetHeader(h => h with { ClusterSize = 5000 })), Refused("cluster_size is 5000")) { File = "a\u001b[31m\n\u202e.qed" },
    ];

    private static IEnumerable<HostileCase> Pretenders =>
    [
        .. new (string Format, string Magic, int Offset)[]
        {
            ("QEMU copy-on-write", "QFI\u00fb\0\0\0\u0003", 0), ("VMware", "KDMV", 0), ("VHDX", "vhdxfile", 0), ("VHD", "conectix", 0), ("VDI", "\u007f\u0010\u00da\u00be", 64), ("Parallels", "WithoutFreeSpace", 0),
        }.Select(each => new HostileCase($"file that begins as a {each.Format}", f => f.Save("a.qed", Start(each.Magic, each.Offset)), Foreign(each.Format))),
        new("a megabyte of zeros", f => f.Save("a.qed", new byte[1 << 20]), MaybeRaw("magic")),
        new("boot sector of a disk", f => f.Save("a.qed", Start("\u0055\u00aa", 510)), MaybeRaw("magic")),
        new("a megabyte of 0xFF", f => f.Save("a.qed", [.. Enumerable.Repeat((byte)0xFF, 1 << 20)]), MaybeRaw("magic")),
        new("text", f => f.Save("a.qed", "This is no image."u8.ToArray()), MaybeRaw("magic")) { ReadBytes = 0 },
        new("QED in the second sector", f => f.Save("a.qed", Start("QED\0", 512)), MaybeRaw("magic")),
    ];
}
