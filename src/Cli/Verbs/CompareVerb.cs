using System.CommandLine;
using System.Text.Json;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class CompareVerb : Verb
{
    private readonly Option<string?> _firstFormat;
    private readonly Option<string?> _secondFormat;
    private readonly Option _strict;
    private readonly Option _all;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _first;
    private readonly Argument<string?> _second;

    public CompareVerb()
        : base("compare")
    {
        _firstFormat = ImageFormat("The first image's");
        _secondFormat = Text("--second-format", "FORMAT", "The second image's format; found by probing unless given.", "-F");
        _strict = Switch("--strict", "Disks of different sizes differ, even where the longer one is zero.", "-s");
        _all = Switch("--all", "List all ranges that differ, in whole sectors, instead of the first place.");
        _report = ReportOptions.AddTo(Command, quiet: "Print nothing; the exit code tells.");
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _first = Operand("FIRST", "The top image of a chain.");
        _second = Operand("SECOND", "The top image of another.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["[-f FORMAT] [-F FORMAT] [-s] [--all] [--output=json] [-q] FIRST SECOND"];

    public override string Details => "With --all in JSON: an array of 'start' and 'length'.\nExit code: 0 equal, 1 different (or wrong arguments), 2 an image did not open, 3 its tables or 4 its data could not be read.";

    public override int FailureCode(Exception exception) => exception switch
    {
        ImageException { Operation: "map" } => ExitCode.CompareNotMapped,
        ImageException { Operation: "read", Kind: ImageErrorKind.Io or ImageErrorKind.Corrupt } => ExitCode.CompareNotRead,
        _ => ExitCode.CompareNotOpened,
    };

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string first = HostPath.Full(run.Get(_first));
        string second = HostPath.Full(run.Get(_second));
        bool strict = run.Has(_strict);
        Report report = _report.Read(run);
        var options = new CompareOptions
        {
            First = _chain.Read(run, run.Get(_firstFormat), readOnly: true),
            Second = _chain.Read(run, run.Get(_secondFormat), readOnly: true),
            RequireSameLength = strict,
        };
        if (run.Has(_all))
        {
            if (report.IsProgressAsked)
            {
                throw new CliException("-p: with --all each range is printed as it is found, which shows how far it is. Leave one of them out.");
            }

            return await ListAsync(run, report, first, second, options);
        }

        CompareResult result = await report.FollowAsync(
            "Comparing",
            progress => run.Host.CompareAsync(first, second, options, progress, run.Cancellation));
        report.Write(json => WriteJson(json, result), output => Write(output, result, strict));
        return result.AreEqual ? ExitCode.Ok : ExitCode.CompareDifferent;
    }

    private static async ValueTask<int> ListAsync(VerbRun run, Report report, string firstPath, string secondPath, CompareOptions options)
    {
        await using VirtualDisk first = await run.Host.OpenDiskAsync(firstPath, options.First, run.Cancellation);
        await using VirtualDisk second = await run.Host.OpenDiskAsync(secondPath, options.Second, run.Cancellation);
        bool sameLength = first.LengthBytes == second.LengthBytes;
        TextWriter output = report.IsJson || !report.IsQuiet ? run.Out : TextWriter.Null;
        long ranges = 0;
        long bytes = 0;
        output.Write(report.IsJson ? "[" : "Offset          Length\n");
        await foreach (DiskRange range in run.Host.FindDifferencesAsync(first, second, run.Cancellation))
        {
            output.Write(report.IsJson
                ? FormattableString.Invariant($"{(ranges > 0 ? ",\n" : "")}{{ \"start\": {range.OffsetBytes}, \"length\": {range.LengthBytes}}}")
                : FormattableString.Invariant($"0x{range.OffsetBytes,-14:x}0x{range.LengthBytes:x}\n"));
            ranges++;
            bytes += range.LengthBytes;
        }

        output.Write(report.IsJson
            ? "]\n"
            : FormattableString.Invariant($"{(sameLength ? "" : "Warning: Image size mismatch!\n")}{(ranges == 0 ? "Images are identical." : $"{ranges} {(ranges == 1 ? "range differs" : "ranges differ")}, {bytes} bytes in all.")}\n"));
        return ranges > 0 || (options.RequireSameLength && !sameLength) ? ExitCode.CompareDifferent : ExitCode.Ok;
    }

    private static void WriteJson(Utf8JsonWriter json, CompareResult result)
    {
        json.WriteBoolean("equal", result.AreEqual);
        if (result.FirstDifferenceOffset is { } offset)
        {
            json.WriteNumber("first-difference", offset);
        }

        json.WriteNumber("first-size", result.FirstLengthBytes);
        json.WriteNumber("second-size", result.SecondLengthBytes);
    }

    private static void Write(TextWriter output, CompareResult result, bool strict)
    {
        bool sameLength = result.FirstLengthBytes == result.SecondLengthBytes;
        if (strict && !sameLength)
        {
            output.WriteLine("Strict mode: Image size mismatch!");
            return;
        }

        // Of no interest where the common part differs already.
        if (!sameLength && !(result.FirstDifferenceOffset < Math.Min(result.FirstLengthBytes, result.SecondLengthBytes)))
        {
            output.WriteLine("Warning: Image size mismatch!");
        }

        output.WriteLine(result.AreEqual ? "Images are identical." : $"Content mismatch at offset {result.FirstDifferenceOffset}!");
    }
}
