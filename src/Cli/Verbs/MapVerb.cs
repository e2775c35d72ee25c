using System.CommandLine;
using System.Runtime.CompilerServices;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class MapVerb : Verb
{
    private readonly Option<string?> _format;
    private readonly ReportOptions _report;
    private readonly Option<string?> _start;
    private readonly Option<string?> _length;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;

    public MapVerb()
        : base("map")
    {
        _format = ImageFormat("The top image's");
        _report = ReportOptions.AddTo(Command, output: "How to print. Human: what holds data; json: everything.", progress: false, quiet: null);
        _start = Text("--start-offset", "OFFSET", "Begin at OFFSET.", "-s");
        _length = Text("--max-length", "LENGTH", "End after LENGTH bytes.", "-l");
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _file = Operand("FILE", "The top image of a chain.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [--output=json] [--start-offset=OFFSET] [--max-length=LENGTH] [-U] FILE"];

    public override bool StopsCleanly => false;

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string file = run.Get(_file);
        bool json = _report.Read(run).IsJson;
        await using VirtualDisk disk = await run.Host.OpenDiskAsync(HostPath.Full(file), _chain.Read(run, run.Get(_format), readOnly: true), run.Cancellation);
        long start = run.Get(_start) is { } startText ? SizeText.Parse(startText, "--start-offset") : 0;
        long length = run.Get(_length) is { } lengthText ? SizeText.Parse(lengthText, "--max-length") : long.MaxValue;
        start = Math.Min(start, disk.LengthBytes);
        length = Math.Min(length, disk.LengthBytes - start);

        run.Out.Flush();
        string topPath = disk.Levels[0].Path;
        using var output = new MapOutput(run.Streams.OutBytes, json)
        {
            Spell = path => path == topPath ? file : HostPath.LikeGiven(file, path),
        };
        output.Begin();
        long[] sizes = [.. disk.Levels.Select(level => level.VirtualSizeBytes)];
        if (length > 0)
        {
            await foreach (ReadOnlyMemory<DiskExtent> batch in disk.MapBatchesAsync(start, length, run.Cancellation))
            {
                AddAll(output, batch.Span, sizes);
            }
        }

        output.End();
        return ExitCode.Ok;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddAll(MapOutput output, ReadOnlySpan<DiskExtent> extents, long[] sizes)
    {
        foreach (ref readonly DiskExtent extent in extents)
        {
            Add(output, extent, sizes);
        }
    }

    /// <summary>A run that no level holds is the answer of the deepest level that reaches so far, as qemu-img counts it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(MapOutput output, in DiskExtent extent, long[] sizes)
    {
        MapRun run = MapRun.Of(extent);
        if (extent.Kind != ExtentKind.Free)
        {
            output.Add(run);
            return;
        }

        long end = extent.EndBytes;
        while (run.OffsetBytes < end)
        {
            int depth = 0;
            long reach = long.MaxValue;
            while (depth + 1 < sizes.Length && sizes[depth + 1] > run.OffsetBytes)
            {
                depth++;
                reach = Math.Min(reach, sizes[depth]);
            }

            run.Depth = depth;
            run.LengthBytes = Math.Min(end, reach) - run.OffsetBytes;
            output.Add(run);
            run.OffsetBytes += run.LengthBytes;
        }
    }
}
