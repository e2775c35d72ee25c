using QedVd.Hostile.Tests.Verbs;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>What a verb is to answer.</summary>
/// <param name="ExitCodes">One of these.</param>
/// <param name="Words">What is to be named: on the error output by who fails, on the standard output by who reports.</param>
internal sealed record Answer(int[] ExitCodes, params string[] Words);

/// <summary>
/// The right answers of all verbs to a case. There are few kinds of cases: for each kind the members below say what which <see cref="Need"/> leads to, and
/// a case says of which kind it is, with the values that must be named, and where it is special.
/// </summary>
internal sealed class Answers
{
    private readonly Func<VerbLine, Answer?> _answers;

    private Answers(Func<VerbLine, Answer?> answers) => _answers = answers;

    /// <summary>Nothing is wrong, as far as verbs are concerned. No parent.</summary>
    public static Answers Fine { get; } = new(Sound);

    /// <summary>The same, and QEMU could not open it, which is said.</summary>
    public static Answers FineButForQemu { get; } = Fine.Saying("info", "QEMU cannot open");

    /// <summary>The same, of an image with a parent.</summary>
    public static Answers FineChain { get; } = new(OverParent);

    /// <summary>Nothing is wrong, and what is holes takes no time to read. Whether a raw file may be as long is the file system's to say.</summary>
    public static Answers Huge { get; } = Fine.But("convert", Report([0, 1]));

    /// <summary>Room is wasted, and no more.</summary>
    public static Answers Leaks { get; } = new(line => line.Need == Need.Check ? Report(3) : Sound(line));

    /// <summary>The header is wrong: nobody opens it, and all name the field and its value.</summary>
    public static Answers Refused(params string[] words) => new(line => line.Need switch
    {
        Need.Probe => Ok(["qed: certain", "will not open", .. words]),
        Need.Folder => Report(2, ["Not looked at", .. words]),
        _ => NotOpened(line, words),
    });

    /// <summary>No QED image, and nothing else that is known: it may be raw, which suffices for reading and never for writing. Who insists on QED is told why not.</summary>
    public static Answers MaybeRaw(params string[] whyNotQed) => new(line => line.Need switch
    {
        Need.Probe => Ok("perhaps raw", "qed: no"),
        _ when IsNamedQed(line) => Fail(["not a QED image", .. whyNotQed]),
        Need.Check => Report(63),
        Need.Folder => Ok(),
        _ when line.IsReading => Sound(line),
        _ => Fail("could be raw", "not opened for writing", "-f"),
    });

    /// <summary>A file of no bytes: nobody takes it for an image unless told.</summary>
    public static Answers Empty { get; } = new(line => line.Need switch
    {
        Need.Probe => Ok("qed: no", "too short", "raw: no"),
        Need.Folder => Ok(),
        _ => NotOpened(line, "too short"),
    });

    /// <summary>Another format, for which nobody is here.</summary>
    public static Answers Foreign(string format) => new(line => line.Need switch
    {
        Need.Probe => Ok(format),
        _ when IsNamedQed(line) => Fail("not a QED image", "magic"),
        Need.Folder => Ok(),
        _ => NotOpened(line, format),
    });

    /// <summary>The path leads to nothing that could be an image.</summary>
    public static Answers NoFile(params string[] words) => new(line => line.Need == Need.Folder ? Report([0, 2]) : line.Need == Need.Probe ? Fail(words) : NotOpened(line, words));

    /// <summary>An entry names no usable place: its range cannot be read, everything else can, and the check names it. A repair gives the range up.</summary>
    public static Answers Lost(params string[] words) => new(line => line.Need switch
    {
        Need.Check => Report(2, words),
        Need.Repair => Report(line.Name == "check -r all" ? 0 : 2, words),
        Need.Map when line.Name != "diff" => Fail(words),
        Need.Read => NotRead(line, words),
        Need.Rewrite => Fail(words),
        _ => Sound(line),
    });

    /// <summary>The same where the disk begins: what needs only that part fails as well.</summary>
    public static Answers LostAtStart(params string[] words) => Lost(words).Failing("bench", words).Failing("write", words);

    /// <summary>The same behind the end of the disk, where nobody reads.</summary>
    public static Answers LostBehindEnd(params string[] words) => new(line => line.Need switch
    {
        Need.Check => Report(2, words),
        Need.Repair => Report(line.Name == "check -r all" ? 0 : 2, words),
        _ when line.Name == "compact" => Report([0, 1]),
        _ => Sound(line),
    });

    /// <summary>Two entries share a cluster: each reads it, the check names it, a repair copies it apart, and nothing is moved before.</summary>
    public static Answers Shared(params string[] words) => new(line => line.Need switch
    {
        Need.Check => Report(2, words),
        Need.Repair => Report(line.Name == "check -r all" ? 0 : 2, words),
        _ when line.Name == "compact" => Fail("nothing is moved or freed", "check -r all"),
        _ => Sound(line),
    });

    /// <summary>Tables overlap, so that what is written to one damages another: not opened for writing before it is repaired. It can be read.</summary>
    public static Answers SharedTable(params string[] words) => Shared(words).ForReadingOnly;

    /// <summary>The same, with ranges that cannot be read.</summary>
    public static Answers LostTable(params string[] words) => Lost(words).ForReadingOnly;

    /// <summary>The parent is not opened, for a reason that is named; without it the image can be described, checked, and given another parent.</summary>
    public static Answers NotFollowed(params string[] words) => new(line => line.Need switch
    {
        Need.Folder => Report(2, words),
        Need.Link => Report([0, 1]),
        _ when NeedsParent(line) => NotOpened(line, words),
        _ => Ok(),
    });

    /// <summary>The parent does not exist.</summary>
    public static Answers Missing(string name) => new(line => line.Need switch
    {
        Need.Folder => Report(2, name, "does not exist"),
        Need.Link => Fail(name, "nothing in"),
        _ when NeedsParent(line) => NotOpened(line, name, "does not exist"),
        _ => Ok(),
    });

    /// <summary>Outside of the folders that parents may come from; the option that would allow it is named.</summary>
    public static Answers Outside { get; } = NotFollowed("outside of the folders", "--allow", "--trusted");

    /// <summary>The name means something other than a file to other programs.</summary>
    public static Answers Scheme(string scheme) => NotFollowed($"has the scheme '{scheme}'", "only plain file names");

    /// <summary>The chain comes back to where it was.</summary>
    public static Answers Cycle { get; } = NotFollowed("cycle").But("chain", Report(2, "BROKEN"));

    /// <summary>More levels than are allowed.</summary>
    public static Answers TooDeep { get; } = NotFollowed("200").But("chain", Ok());

    /// <summary>A parent with a range that cannot be read: that the chain opens, and that range fails, in the parent's name.</summary>
    public static Answers LostBeneath(params string[] words) => new(line => line.Need switch
    {
        Need.Map => Fail(words),
        Need.Read => NotRead(line, words),
        // What copies from the parent; the top itself is empty.
        _ when line.Name is "write" or "flatten" or "rebase" or "merge" => Fail(words),
        _ => OverParent(line),
    });

    /// <summary>Opened for reading only: who writes is refused, and told what repairs it.</summary>
    public Answers ForReadingOnly => new(line => NeedsWriting(line) ? Fail("not opened for writing", "check -r all") : _answers(line));

    /// <summary>The answer to a call; null where it is not made.</summary>
    public Answer? To(VerbLine line) => _answers(line);

    /// <summary>The same but for one call.</summary>
    public Answers But(string line, Answer? answer)
    {
        Assert.Contains(VerbLine.All, each => each.Name == line);
        return new Answers(each => each.Name == line ? answer : _answers(each));
    }

    /// <summary>The same, and one call is to say more.</summary>
    public Answers Saying(string line, params string[] words) => new(each => each.Name == line && _answers(each) is { } answer ? answer with { Words = [.. answer.Words, .. words] } : _answers(each));

    /// <summary>The same, and one call fails.</summary>
    public Answers Failing(string line, params string[] words) => But(line, Fail(words));

    public static Answer Ok(params string[] words) => new([0], words);

    public static Answer Fail(params string[] words) => new([1], words);

    private static Answer Report(int code, params string[] words) => new([code], words);

    private static Answer Report(int[] codes) => new(codes);

    private static Answer Sound(VerbLine line) => line.Name switch
    {
        "diff" or "commit" or "merge" => Fail("has no parent"),
        "chain repair" => Fail("names no parent"),
        _ => OverParent(line),
    };

    // What is compared with is empty, and what is compared may or may not be.
    private static Answer OverParent(VerbLine line) => line.Verb == "compare" ? Report([0, 1]) : Ok();

    private static Answer NotOpened(VerbLine line, params string[] words) => new([line.Verb == "compare" ? 2 : 1], words);

    private static Answer NotRead(VerbLine line, params string[] words) => new(line.Verb == "compare" ? [3, 4] : [1], words);

    private static bool IsNamedQed(VerbLine line) => line.Need == Need.AsQed || line.Name == "convert over";

    private static bool NeedsParent(VerbLine line) => line.Need is Need.Chain or Need.Map or Need.Read or Need.Write or Need.Rewrite or Need.Parent;

    private static bool NeedsWriting(VerbLine line) => line.Need is Need.HeaderWrite or Need.Write or Need.Rewrite or Need.Parent || line.Name == "rename";
}
