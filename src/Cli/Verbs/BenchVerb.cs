using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using QedVd.Cli.Bench;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class BenchVerb : Verb
{
    private const int DefaultCount = 75_000;
    private const int DefaultDepth = 64;
    private const int DefaultRequestBytes = 4096;
    private const int MaxDepth = 1 << 16;
    private const long MaxMemoryBytes = 1L << 30;

    private readonly Option<string?> _format;
    private readonly Option<string?> _count;
    private readonly Option<string?> _depth;
    private readonly Option<string?> _size;
    private readonly Option<string?> _step;
    private readonly Option<string?> _offset;
    private readonly Option<string?> _flushInterval;
    private readonly Option<string?> _pattern;
    private readonly Option<string?> _cache;
    private readonly Option<string?> _aio;
    private readonly Option _native;
    private readonly Option _noDrain;
    private readonly Option _write;
    private readonly ReportOptions _report;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;

    public BenchVerb()
        : base("bench")
    {
        _count = Text("--count", "N", $"Number of requests; {DefaultCount} unless given.", "-c");
        _depth = Text("--depth", "N", $"Requests under way at a time; {DefaultDepth} unless given. 1: synchronous calls.", "-d");
        _format = ImageFormat("The top image's");
        _flushInterval = Text("--flush-interval", "N", "With -w: a flush after every N writes.");
        _noDrain = Switch("--no-drain", "Let writes go on while a flush is under way.");
        _offset = Text("--offset", "OFFSET", "Begin at OFFSET of the disk.", "-o");
        _pattern = Text("--pattern", "BYTE", "With -w: write this byte (0 to 255).");
        _report = ReportOptions.AddTo(Command, output: null, progress: false, quiet: "Print the result only.");
        _size = Text("--buffer-size", "SIZE", "Size of a request; 4k unless given.", "-s");
        _step = Text("--step-size", "SIZE", "From one request to the next; a request's size unless given. Wraps at the disk's end.", "-S");
        _cache = Text("--cache", "MODE", $"{CacheMode.Names}. The host's page cache is always used.", "-t");
        _write = Switch("--write", "Write instead of reading. The disk's content is lost.", "-w");
        _aio = Text("--aio", "NAME", "Not honoured: QedVd has one way of input and output.", "-i");
        _native = Switch("--native", "Not honoured, as -i native.", "-n");
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _file = Operand("FILE", "The top image of a chain.");
    }

    public override IReadOnlyList<string> Forms { get; } =
        ["[-w] [-f FORMAT] [-c COUNT] [-d DEPTH] [-s SIZE] [-S STEP] [-o OFFSET] [--flush-interval N] [-t CACHE] FILE"];

    public override string StoppedText => "interrupted; what was written before that stays, and the image is sound.";

    public override string Details => "Means what qemu-img bench means by the same options; those that are not honoured are said so.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        bool quiet = _report.Read(run).IsQuiet;
        (ConsistencyMode mode, string? notHonoured) = CacheMode.Parse(run.Get(_cache));
        BenchPlan plan = ReadPlan(run);
        SayWhatIsNotHonoured(run, notHonoured, quiet);

        await using VirtualDisk disk = await run.Host.OpenDiskAsync(
            HostPath.Full(run.Get(_file)),
            _chain.Read(run, run.Get(_format), readOnly: !plan.IsWrite, mode),
            run.Cancellation);
        CheckAgainst(disk, plan, run.Get(_file));
        if (!quiet)
        {
            Announce(run.Out, plan);
        }

        long ticks = plan.Count == 0 ? 0
            : plan.Depth == 1 ? BenchLoop.Run(disk, plan, run.Cancellation)
            : await new BenchPump(disk, plan, run.Cancellation).RunAsync();
        double seconds = ticks / (double)Stopwatch.Frequency;
        run.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Run completed in {seconds:F3} seconds."));
        run.Out.Flush();
        await disk.CloseAsync();
        return ExitCode.Ok;
    }

    private BenchPlan ReadPlan(VerbRun run)
    {
        bool isWrite = run.Has(_write);
        int depth = ReadNumber(run, _depth, "-d", DefaultDepth, 1, MaxDepth);
        int flushInterval = ReadNumber(run, _flushInterval, "--flush-interval", 0, 0, int.MaxValue);
        if (flushInterval > 0 && !isWrite)
        {
            throw new CliException("--flush-interval: only writes are flushed. Give -w too.");
        }

        if (flushInterval > 0 && flushInterval < depth)
        {
            throw new CliException($"--flush-interval: {flushInterval} is less than the depth of {depth}. Give -d {flushInterval} or less.");
        }

        int size = (int)ReadSize(run, _size, "-s", DefaultRequestBytes, 1, MaxMemoryBytes / depth);
        return new BenchPlan
        {
            IsWrite = isWrite,
            Count = ReadNumber(run, _count, "-c", DefaultCount, 0, int.MaxValue),
            Depth = depth,
            RequestBytes = size,
            StepBytes = ReadSize(run, _step, "-S", 0, 0, long.MaxValue / 2) is var step and not 0 ? step : size,
            StartOffset = ReadSize(run, _offset, "-o", 0, 0, long.MaxValue / 2),
            FlushInterval = flushInterval,
            Drains = !run.Has(_noDrain),
            Pattern = (byte)ReadNumber(run, _pattern, "--pattern", 0, 0, byte.MaxValue),
        };
    }

    private static int ReadNumber(VerbRun run, Option<string?> option, string name, int unlessGiven, int minimum, int maximum) =>
        run.Get(option) is { } text ? (int)NumberText.Parse(text, name, minimum, maximum) : unlessGiven;

    private static long ReadSize(VerbRun run, Option<string?> option, string name, long unlessGiven, long minimum, long maximum)
    {
        long value = run.Get(option) is { } text ? SizeText.Parse(text, name) : unlessGiven;
        return value >= minimum && value <= maximum ? value : throw new CliException($"{name}: {value} is not between {minimum} and {maximum}.");
    }

    private void SayWhatIsNotHonoured(VerbRun run, string? cacheNote, bool quiet)
    {
        if (quiet)
        {
            return;
        }

        if (cacheNote is not null)
        {
            run.Note(cacheNote);
        }

        if (run.Get(_aio) is { } aio)
        {
            run.Note($"-i {aio}: not honoured; QedVd has one way of input and output.");
        }

        if (run.Has(_native))
        {
            run.Note("-n: not honoured; QedVd has one way of input and output.");
        }
    }

    /// <summary>Offsets wrap at the disk's end, a request across it fails: found out before the first one instead of in the middle.</summary>
    private static void CheckAgainst(VirtualDisk disk, BenchPlan plan, string file)
    {
        long offset = plan.StartOffset;
        for (int issued = 0; issued < plan.Count; issued++)
        {
            if (offset > disk.LengthBytes - plan.RequestBytes)
            {
                throw new CliException($"{file}: request {issued + 1}, {plan.RequestBytes} bytes at {offset}, is not inside the disk of {disk.LengthBytes} bytes. Choose -o, -s or -S so that requests end with the disk.");
            }

            offset = plan.Next(offset, disk.LengthBytes);
        }
    }

    private static void Announce(TextWriter output, BenchPlan plan)
    {
        string kind = plan.IsWrite ? "write" : "read";
        output.WriteLine($"Sending {plan.Count} {kind} requests, {plan.RequestBytes} bytes each, {plan.Depth} in parallel (starting at offset {plan.StartOffset}, step size {plan.StepBytes})");
        if (plan.FlushInterval > 0)
        {
            output.WriteLine($"Sending flush every {plan.FlushInterval} requests");
        }

        output.Flush();
    }
}
