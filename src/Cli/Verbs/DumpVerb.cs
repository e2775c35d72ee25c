using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class DumpVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly Option _share;
    private readonly Argument<string?> _file;

    public DumpVerb()
        : base("dump")
    {
        _format = Text("--format", "FORMAT", "The image's format; found by probing unless given.", "-f");
        _share = ChainOptions.AddForceShare(Command);
        _file = Operand("FILE", "An image. Its parents are not opened.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [-U] FILE"];

    public override bool StopsCleanly => false;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        var request = new ImageOpenRequest { Format = run.Get(_format), ForceShare = run.Has(_share), ForContent = true };
        await using OpenedImage opened = await run.Host.OpenImageAsync(HostPath.Full(run.Get(_file)), request, run.Cancellation);
        opened.Image.Dump(run.Out);
        return ExitCode.Ok;
    }
}
