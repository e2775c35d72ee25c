using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class DumpVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly ReportOptions _report;
    private readonly Option _chunks;
    private readonly Option _share;
    private readonly Argument<string?> _file;

    public DumpVerb()
        : base("dump")
    {
        _format = ImageFormat();
        _chunks = Switch("--chunks", "List what each piece of the file is for: header, tables, data. May be long.");
        _report = ReportOptions.AddTo(Command, progress: false, quiet: null);
        _share = ChainOptions.AddForceShare(Command);
        _file = Operand("FILE", "An image. Its parents are not opened.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--chunks] [--output=json] [-U] FILE"];

    public override string Details =>
        """
        With --chunks in JSON: 'kind', 'offset' and 'length' of the piece in the file, and 'start', the part of
        the disk that it holds or describes. Pieces that nothing refers to are not listed; check counts them.
        """;

    public override bool StopsCleanly => false;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string file = run.Get(_file);
        bool json = _report.Read(run).IsJson;
        var request = new ImageOpenRequest { Format = run.Get(_format), ForceShare = run.Has(_share), ForContent = true };
        await using OpenedImage opened = await run.Host.OpenImageAsync(HostPath.Full(file), request, run.Cancellation);
        if (run.Has(_chunks))
        {
            await WriteChunksAsync(run, opened, json);
        }
        else if (json)
        {
            WriteJson(run, opened, file);
        }
        else
        {
            opened.Image.Dump(run.Out);
        }

        return ExitCode.Ok;
    }

    private static async ValueTask WriteChunksAsync(VerbRun run, OpenedImage opened, bool json)
    {
        if ((opened.Image.Capabilities & ImageCapabilities.Traverse) == 0)
        {
            throw new CliException($"{opened.Path}: --chunks: the format '{opened.FormatId}' does not list its pieces. Leave --chunks out.");
        }

        run.Out.Flush();
        var output = new ChunkOutput(run.Streams.OutBytes, json);
        output.Begin();
        await foreach (MetadataChunk chunk in opened.Image.TraverseAsync(run.Cancellation))
        {
            output.Add(chunk);
        }

        output.End();
    }

    /// <summary>The format's words are text for people, line by line; what a program wants is under info's keys.</summary>
    private static void WriteJson(VerbRun run, OpenedImage opened, string file)
    {
        using var words = new StringWriter();
        opened.Image.Dump(words);
        JsonOutput.Write(run, json =>
        {
            json.WriteStartObject();
            InfoJson.WriteProperties(json, ImageInfo.Of(file, opened.Describe(), isTop: true), depth: null);
            json.WriteStartArray("dump");
            foreach (string line in words.ToString().TrimEnd().Split('\n'))
            {
                json.WriteStringValue(line.TrimEnd());
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }
}
