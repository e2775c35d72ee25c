using System.Text;
using QedVd.TestKit;
using static QedVd.Hostile.Tests.Cases.Answers;
using static QedVd.Hostile.Tests.Cases.CaseFolder;
using static QedVd.Hostile.Tests.Cases.HostileCase;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>Names of parents: where they stand, how long they are, what they are made of, and where they lead.</summary>
internal static class NameCases
{
    public static IEnumerable<HostileCase> All =>
    [
        .. Places,
        .. Lengths,
        .. Characters,
        .. Ways,
        .. Schemes,
        .. Things,
    ];

    private static IEnumerable<HostileCase> Places =>
    [
        Of("M60 name of length 0", () => Usual().SetHeader(h => h with { Features = 1, NameOffset = 64 }), Fine.Saying("info", "length 0")),
        Of("name of length 0, beyond the header area", () => Usual().SetHeader(h => h with { Features = 1, NameOffset = 5000 }), Refused("backing_filename_offset is 5000", "4096 bytes")),
        Of("M61 name beyond the header area", () => Usual().SetHeader(h => h with { Features = 1, NameOffset = 4096, NameSize = 8 }), Refused("backing_filename_offset is 4096", "4096 bytes")),
        Of("name one byte too long for the header area", () => Usual().SetHeader(h => h with { Features = 1, NameOffset = 4089, NameSize = 8 }), Refused("backing_filename_offset is 4089", "8 bytes")),
        WithBase("name that ends with the header area", () => new QedImageBytes().SetParent("base.qed"u8, offset: 4088), FineChain),
        Of("M62 name at 2^32-1 of length 2^32-1", () => Usual().SetHeader(h => h with { Features = 1, NameOffset = uint.MaxValue, NameSize = uint.MaxValue }), Refused("backing_filename_offset is 4294967295", "4294967295 bytes")),
        Of("name whose end wraps round 32 bits", () => Usual().SetHeader(h => h with { Features = 1, NameOffset = uint.MaxValue - 15, NameSize = 32 }), Refused("backing_filename_offset is 4294967280", "32 bytes")),
        Of("name inside of the header's own fields", () => Usual().SetHeader(h => h with { Features = 1, NameOffset = 0, NameSize = 3 }), Missing("QED").Saying("info", "inside the header")),
        Of("name without the flag", () => Usual().SetHeader(h => h with { NameOffset = uint.MaxValue, NameSize = 100 }), Fine),
    ];

    private static IEnumerable<HostileCase> Lengths =>
    [
        Over("name of one letter", "x", Missing("x")),
        Over("M63 name of 1023 bytes", Long(1023), Missing("bbb")),
        Over("name of 1024 bytes", Long(1024), Missing("bbb")),
        Over("name of 4095 bytes, the longest", Long(4095), NotFollowed("bbb")),
        Over("name of 4096 bytes", Long(4096), Refused("backing_filename_size is 4096", "at most 4095")),
        Over("M94 part of a name of 255 bytes", new string('c', 255), Missing("ccc")),
        Over("part of a name of 256 bytes", new string('c', 256), NotFollowed("ccc")),
    ];

    private static IEnumerable<HostileCase> Characters =>
    [
        .. new (string Name, string Text, string Shown)[]
        {
            ("M66 line feed", "a\nb", @"a\u{a}b"), ("M67 escape sequence", "a\u001b[2J\u001b]0;title\u0007b", @"a\u{1b}[2J"), ("control byte of C1", "a\u009b31mb", @"a\u{9b}31mb"),
            ("text turned round", "a\u202egpj.b", @"a\u{202e}gpj"), ("carriage return that hides what stood before", "a\rb", @"a\u{d}b"), ("delete and backspace", "a\u007f\b", @"a\u{7f}\u{8}"),
            ("line separator", "a\u2028b", @"a\u{2028}b"), ("no width at all", "a\u200bb", @"a\u{200b}b"),
        }.Select(each => Over($"{each.Name} in the name", each.Text, Missing(each.Shown))),
        new HostileCase("M65 name that is not UTF-8", f => f.Save("a.qed", CaseFolder.Over([0x61, 0xFF, 0xFE, 0x62])), NotFollowed(@"a\xff\xfeb", "is not UTF-8")),
        new HostileCase("name with half a character", f => f.Save("a.qed", CaseFolder.Over([0x61, 0xE2, 0x80])), NotFollowed(@"a\xe2\x80", "is not UTF-8")),
        new HostileCase("name with a NUL", f => f.Save("a.qed", CaseFolder.Over([0x61, 0, 0x62])), NotFollowed(@"a\u{0}b", "NUL")),
        Over("markup in the name", "[red]x[/]{0}%s%n$(reboot)`reboot`", Missing("[red]x[/]{0}%s%n$(reboot)`reboot`")),
        WithBase("trailing space", () => CaseFolder.Over("base.qed "), Missing("base.qed ")),
        WithBase("composed where the file is decomposed", () => CaseFolder.Over("b\u00e4se.qed"), Missing("b\u00e4se.qed"), "ba\u0308se.qed"),
        WithBase("name that begins as an option does", () => CaseFolder.Over("-r"), FineChain, "-r"),
    ];

    private static IEnumerable<HostileCase> Ways =>
    [
        WithBase("M70 plain name beside the image", () => CaseFolder.Over("base.qed"), FineChain),
        WithBase("name that goes round and comes back", () => CaseFolder.Over("./none/../base.qed"), FineChain),
        Over("M68 name that leaves the folder", "../outside/secret.qed", Outside),
        Over("name that leaves the folder and is marked raw", "../outside/secret.raw", Outside, isRaw: true),
        new HostileCase("M69 absolute name outside", f => f.SaveOver("a.qed", Path.Combine(f.Outside, "secret.raw"), isRaw: true), Outside),
        new HostileCase("absolute name inside", f => { f.SaveUsual("base.qed"); f.SaveOver("a.qed", f["base.qed"]); }, FineChain),
        Over("name of a file of the system", "/etc/passwd", Outside, isRaw: true),
        Over("two hundred times up", string.Concat(Enumerable.Repeat("../", 200)) + "etc/passwd", Outside, isRaw: true),
        Over("the folder itself", ".", Outside),
        Over("the folder above", "..", Outside),
        Over("the root", "/", Outside),
        Over("two slashes", "//etc/passwd", Outside, isRaw: true),
        Over("a folder of the same beginning", "../in-other/secret.qed", Outside),
        Linked("link that leads out", (f, link) => File.CreateSymbolicLink(link, Path.Combine(f.Outside, "secret.qed")), NotFollowed("link", "leaves the folder")),
        Linked("relative link that leads out", (f, link) => File.CreateSymbolicLink(link, "../outside/secret.qed"), NotFollowed("link", "leaves the folder")),
        new HostileCase("folder that is a link that leads out", f => { Directory.CreateSymbolicLink(f["link"], f.Outside); f.SaveOver("a.qed", "link/secret.qed"); }, NotFollowed("link/secret.qed", "leaves the folder")),
        Linked("link that leads to a file inside", (f, link) => { f.SaveUsual("base.qed"); File.CreateSymbolicLink(link, "base.qed"); }, FineChain),
        Linked("link that leads nowhere", (_, link) => File.CreateSymbolicLink(link, "none"), NotFollowed("link")),
        Linked("link that leads to itself", (_, link) => File.CreateSymbolicLink(link, "link"), NotFollowed("link")),
        Linked("link through the process's own folder", (_, link) => File.CreateSymbolicLink(link, "/proc/self/cwd/none"), NotFollowed("link", "")),
    ];

    private static IEnumerable<HostileCase> Schemes =>
    [
        .. new[]
        {
            ("M74", "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}}"), ("M75", "nbd://127.0.0.1:1/x"), ("", "nbd:unix:/run/x.sock"), ("M76", "http://127.0.0.1:1/x"),
            ("", "https://127.0.0.1:1/x"), ("", "ftp://127.0.0.1:1/x"), ("", "ssh://127.0.0.1/x"), ("M77", "file:base.qed"), ("", "file:///etc/passwd"), ("M78", "fat:."), ("", "fat:rw:."),
            ("M79", "blkdebug::base.qed"), ("", "blkverify:a:b"), ("", "fd:0"), ("", "null-co://"), ("", "host_device:/dev/zero"), ("", "C:\\base.qed"), ("", ":base.qed"),
        }.Select(each => WithBase($"{each.Item1} scheme {each.Item2}".TrimStart(), () => CaseFolder.Over(each.Item2), Scheme(each.Item2[..(each.Item2.IndexOf(':', StringComparison.Ordinal) + 1)]))),
        WithBase("colon in a plain name", () => CaseFolder.Over("./json:x"), FineChain, "json:x"),
    ];

    private static IEnumerable<HostileCase> Things =>
    [
        Over("M80 device", "/dev/zero", Outside, isRaw: true),
        Over("standard input", "/dev/stdin", Outside, isRaw: true),
        Over("handle of the process", "/dev/fd/0", Outside, isRaw: true),
        Over("memory of the process", "/proc/self/mem", Outside, isRaw: true),
        Linked("link to a device", (_, link) => File.CreateSymbolicLink(link, "/dev/zero"), NotFollowed("link", "leaves the folder")) with { CouldBlock = true },
        Linked("link to the process's memory", (_, link) => File.CreateSymbolicLink(link, "/proc/self/mem"), NotFollowed("link", "leaves the folder")),
        Linked("M81 block device", (f, _) => f.MakeBlockDevice("link"), NotFollowed("link", "")) with { CouldBlock = true },
        Linked("M82 folder", (_, link) => Directory.CreateDirectory(link), NotFollowed("link", "")),
        Linked("M83 FIFO", (f, _) => f.MakeFifo("link"), NotFollowed("link", "")) with { CouldBlock = true },
        Linked("socket", (f, _) => f.MakeSocket("link"), NotFollowed("link", "")) with { CouldBlock = true },
        Over("M84 file that is missing", "none.qed", Missing("none.qed")),
        Over("file in a folder that is missing", "none/none.qed", Missing("none.qed")),
        new HostileCase("file below a file", f => { f.SaveUsual("base.qed"); f.SaveOver("a.qed", "base.qed/x"); }, NotFollowed("base.qed/x")),
    ];

    private static string Long(int length) => string.Concat(Enumerable.Repeat("bbbbbbb/", length / 8)) + new string('b', length % 8);

    private static HostileCase Over(string name, string parent, Answers answers, bool isRaw = false) => Of(name, () => CaseFolder.Over(parent, isRaw), answers);

    private static HostileCase WithBase(string name, Func<QedImageBytes> make, Answers answers, string baseName = "base.qed") =>
        new(name, folder => { folder.SaveUsual(baseName); folder.Save("a.qed", make()); }, answers);

    private static HostileCase Linked(string name, Action<CaseFolder, string> makeLink, Answers answers) =>
        new($"{name}, as the parent", folder => { makeLink(folder, folder["link"]); folder.SaveOver("a.qed", "link"); }, answers);
}
