using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Cases;

/// <summary>One image, or chain of images, that is broken or means harm, and the right answer of every verb to it.</summary>
/// <param name="Name">What is special; with the number in reliability.md, section 13, where it stands there.</param>
/// <param name="Make">Lays it down.</param>
/// <param name="Answers">What verbs are to say.</param>
internal sealed record HostileCase(string Name, Action<CaseFolder> Make, Answers Answers)
{
    /// <summary>The file that verbs are given, from the folder of the case.</summary>
    public string File { get; init; } = "a.qed";

    /// <summary>How much of the disk <c>read</c> reads.</summary>
    public long ReadBytes { get; init; } = 1 << 20;

    /// <summary>How many handles a process gets for it: deep chains take one for each level.</summary>
    public int Handles { get; init; } = Verbs.LimitedProcess.UsualHandles;

    /// <summary>Whether who opens it as he opens a file waits for ever: then every verb has to answer at once.</summary>
    public bool CouldBlock { get; init; }

    /// <summary>Whether a verb that fails may have changed the image by then: it writes cluster by cluster, and meets the damage on the way.</summary>
    public bool MayChangeBeforeFailing(Verbs.VerbLine line) => line.Need is Verbs.Need.Rewrite or Verbs.Need.Parent or Verbs.Need.Write && line.Name != "trim";

    /// <summary>A case of one image, <c>a.qed</c>.</summary>
    public static HostileCase Of(string name, Func<QedImageBytes> make, Answers answers) => new(name, folder => folder.Save("a.qed", make()), answers);

    public override string ToString() => Name;
}
