using QedVd.Hostile.Tests.Cases;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>One way to call a verb.</summary>
/// <param name="Name">How the table of answers calls it.</param>
/// <param name="Need">What it needs.</param>
/// <param name="Line">Its arguments: FILE is the case's file, IN its folder, OUT where results go, BYTES how much there is to read.</param>
internal sealed record VerbLine(string Name, Need Need, string Line)
{
    /// <summary>Every verb that takes an image.</summary>
    public static IReadOnlyList<VerbLine> All { get; } =
    [
        new("probe", Need.Probe, "probe FILE"),
        new("info", Need.Header, "info FILE"),
        new("info json", Need.Header, "info --output=json FILE"),
        new("info as qed", Need.AsQed, "info -f qed FILE"),
        new("dump", Need.Header, "dump FILE"),
        new("pieces", Need.Pieces, "dump --chunks FILE"),
        new("check", Need.Check, "check FILE"),
        new("check json", Need.Check, "check --output=json FILE"),
        new("chain", Need.Folder, "chain IN"),
        new("info chain", Need.Chain, "info --backing-chain FILE"),
        new("map", Need.Map, "map FILE"),
        new("map json", Need.Map, "map --output=json FILE"),
        new("diff", Need.Map, "diff FILE"),
        new("measure", Need.Map, "measure -O qed FILE"),
        new("read", Need.Read, "read --length BYTES -o OUT/r FILE"),
        new("convert", Need.Read, "convert -O raw FILE OUT/c"),
        new("convert qed", Need.Read, "convert -O qed FILE OUT/c"),
        new("convert over", Need.Read, "convert -O qed --allow IN -B FILE -F qed SOUND OUT/c"),
        new("convert into", Need.Rewrite, "convert -n SOUND FILE"),
        new("create", Need.AsQed, "create -b FILE -F qed OUT/o.qed"),
        new("compare", Need.Read, "compare FILE SOUND"),
        new("compare with", Need.Read, "compare --all SOUND FILE"),
        new("copy", Need.Read, "copy FILE OUT"),
        new("bench", Need.Chain, "bench -c 1 -d 1 -s 512 FILE"),
        new("snapshot", Need.Header, "snapshot FILE IN/new.qed"),
        new("rename", Need.Header, "rename FILE IN/new.qed"),
        new("chain repair", Need.Link, "chain repair FILE"),
        new("rebase -u", Need.HeaderWrite, "rebase -u -b other.qed -F qed FILE"),
        new("amend", Need.HeaderWrite, "amend -o backing_file= FILE"),
        new("check -r leaks", Need.Repair, "check -r leaks FILE"),
        new("check -r all", Need.Repair, "check -r all FILE"),
        new("write", Need.Write, "write -i INPUT FILE"),
        new("trim", Need.Write, "trim --length 0 FILE"),
        new("resize", Need.Write, "resize FILE +64k"),
        new("compact", Need.Rewrite, "compact FILE"),
        new("flatten", Need.Rewrite, "flatten FILE"),
        new("rebase", Need.Rewrite, "rebase -b SOUND --allow SOUNDFOLDER FILE"),
        new("commit", Need.Parent, "commit FILE"),
        new("merge", Need.Parent, "merge FILE"),
    ];

    /// <summary>The word that its messages begin with.</summary>
    public string Verb => Line[..Line.IndexOf(' ', StringComparison.Ordinal)];

    /// <summary>Whether it may change nothing at all among the case's files.</summary>
    public bool IsReading => Need is not (Need.HeaderWrite or Need.Repair or Need.Write or Need.Rewrite or Need.Parent or Need.Link) && Name is not ("snapshot" or "rename");

    public string[] Arguments(CaseFolder folder, HostileCase of) =>
    [
        .. Line.Split(' ').Select(word => word switch
        {
            "FILE" => folder[of.File],
            "IN" => folder.In,
            "OUT" => folder.Out,
            "SOUNDFOLDER" => Path.GetDirectoryName(folder.Sound)!,
            "SOUND" => folder.Sound,
            "INPUT" => folder.WriteInput,
            "BYTES" => $"{of.ReadBytes}",
            _ => word.Replace("OUT/", folder.Out + "/", StringComparison.Ordinal).Replace("IN/", folder.In + "/", StringComparison.Ordinal),
        }),
    ];

    public override string ToString() => Name;
}
