using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class FlattenVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly RearrangeOptions _rearrange;
    private readonly Argument<string?> _file;

    public FlattenVerb()
        : base("flatten")
    {
        _format = ImageFormat("FILE's");
        _rearrange = RearrangeOptions.AddTo(Command);
        _file = Operand("FILE", "The top image of a chain; its parents are not changed, and not needed any more by it.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [-p] [-q] FILE"];

    public override string Details =>
        """
        Copies into FILE what its disk reads from its parents, and then takes the parent away. What the disk
        reads stays the same. 'qedvd rebase -b PARENT' does the same over another parent.
        """;

    public override string StoppedText => "stopped; the chain is valid, and what was copied stays. Run it again to go on.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        Report report = _rearrange.Report(run);
        string file = run.Get(_file);
        FlattenOptions options = _rearrange.Apply(run, new FlattenOptions());
        DiskOpenOptions open = _rearrange.Open(run, run.Get(_format));
        OperationResult result = await report.FollowAsync("Flattening", progress => run.Host.FlattenAsync(HostPath.Full(file), options, open, progress, run.Cancellation));
        report.Write(
            json =>
            {
                json.WriteString("filename", file);
                json.WriteNumber("virtual-size", result.DiskBytes);
                json.WriteNumber("copied-bytes", result.CopiedBytes);
            },
            output => output.WriteLine($"{DisplayText.Escape(file)}: needs no parent any more; {SizeText.Human(result.CopiedBytes)} copied."));
        return ExitCode.Ok;
    }
}
