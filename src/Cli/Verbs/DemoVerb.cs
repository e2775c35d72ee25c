using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Demo;
using QedVd.Cli.Options;

namespace QedVd.Cli.Verbs;

internal sealed class DemoVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _image;

    public DemoVerb()
        : base("demo")
    {
        _format = ImageFormat("MYIMAGE's");
        _chain = ChainOptions.AddTo(Command, mayShare: false);
        _image = OptionalOperand("MYIMAGE", "An image of yours, with or without parents; the shipped sample unless given. It is not changed.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [MYIMAGE]"];

    public override string Details =>
        """
        Loads the plugins, probes and opens the image, puts an overlay on it, writes, takes a snapshot, writes again, reads
        through all levels and compares, shows the chain and who holds what, checks every image, damages and repairs one, commits
        and merges while the disk is open, and compares again. All that it writes lies in a temporary folder, which is removed
        at the end.
        """;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string image = run.GetOptional(_image) ?? SampleImage.Find();
        var teller = new DemoTeller(run.Streams);
        var story = new DemoStory(run, teller, image, run.Get(_format), _chain.Read(run, format: null, readOnly: true));
        bool good = await story.TellAsync();
        run.Out.WriteLine();
        run.Out.WriteLine(good
            ? "Done: a disk out of three or more files, written, frozen, read and checked, and the image is as it was."
            : "Done, and something above is not as it should be.");
        return good ? ExitCode.Ok : ExitCode.Failed;
    }
}
