using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class InfoVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly ReportOptions _report;
    private readonly Option _chain;
    private readonly ChainOptions _chainOptions;
    private readonly Argument<string?> _file;

    public InfoVerb()
        : base("info")
    {
        _format = Text("--format", "FORMAT", "The image's format (qed, raw); found by probing unless given.", "-f");
        _chain = Switch("--backing-chain", "Describe its parents too, top first.", "--chain");
        _report = ReportOptions.AddTo(Command, progress: false, quiet: null);
        _chainOptions = ChainOptions.AddTo(Command, mayShare: true);
        _file = Operand("FILE", "An image.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--chain] [--output=json] [-U] FILE"];

    public override string Details =>
        """
        Without --chain what the image names is reported, never opened.
        With it, parents must lie below the image's folder, or where --allow or --trusted let them.
        """;

    public override bool StopsCleanly => false;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string file = run.Get(_file);
        bool json = _report.Read(run).IsJson;
        bool chain = run.Has(_chain);
        DiskOpenOptions options = _chainOptions.Read(run, run.Get(_format), readOnly: true);
        IReadOnlyList<ImageDescription> images = chain
            ? await run.Host.DescribeChainAsync(HostPath.Full(file), options, run.Cancellation)
            : [await run.Host.DescribeImageAsync(HostPath.Full(file), new ImageOpenRequest { Format = options.Format, ForceShare = options.ForceShare }, run.Cancellation)];
        ImageInfo[] infos = [.. images.Select((image, depth) => ImageInfo.Of(file, image, isTop: depth == 0))];

        if (json)
        {
            WriteJson(run, infos, chain);
        }
        else if (chain && run.Streams.IsOutTerminal)
        {
            ChainTree.Draw(Terminal.ForOutput(), ChainTree.OfChain(infos.Select(ChainTreeNode.Of)));
        }
        else
        {
            WriteText(run, infos);
        }

        return ExitCode.Ok;
    }

    private static void WriteText(VerbRun run, ImageInfo[] infos)
    {
        for (int depth = 0; depth < infos.Length; depth++)
        {
            if (depth > 0)
            {
                run.Out.WriteLine();
            }

            InfoText.Write(run.Out, infos[depth]);
        }
    }

    private static void WriteJson(VerbRun run, ImageInfo[] infos, bool chain) => JsonOutput.Write(run, json =>
    {
        if (!chain)
        {
            InfoJson.Write(json, infos[0], depth: null);
            return;
        }

        json.WriteStartArray();
        for (int depth = 0; depth < infos.Length; depth++)
        {
            InfoJson.Write(json, infos[depth], depth);
        }

        json.WriteEndArray();
    });
}
