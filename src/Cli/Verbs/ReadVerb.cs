using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class ReadVerb : Verb
{
    private const int BufferBytes = 256 << 10;

    private readonly Option<string?> _format;
    private readonly Option<string?> _offset;
    private readonly Option<string?> _length;
    private readonly Option<string?> _output;
    private readonly Option _overwrite;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;

    public ReadVerb()
        : base("read")
    {
        _format = ImageFormat("The top image's");
        _offset = Text("--offset", "OFFSET", "Begin at OFFSET of the disk; 0 unless given.");
        _length = Text("--length", "LENGTH", "Read LENGTH bytes; to the end of the disk unless given.");
        _output = Text("--out", "OUT", "Write to a new file OUT, which appears when it is complete.", "-o");
        _overwrite = Switch("--overwrite", "Replace OUT if it exists.");
        _chain = ChainOptions.AddTo(Command, mayShare: true);
        _file = Operand("FILE", "The top image of a chain.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["FILE --offset OFFSET --length LENGTH [-o OUT]"];

    public override string Details => "Without -o the bytes go to the standard output, which must not be a terminal.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string? outName = run.Get(_output);
        bool toStandardOutput = outName is null or "-";
        if (toStandardOutput && run.Streams.IsOutTerminal)
        {
            throw new CliException("the bytes of a disk are not for a terminal; redirect the standard output, or give -o OUT.");
        }

        string file = run.Get(_file);
        long offset = run.Get(_offset) is { } offsetText ? SizeText.Parse(offsetText, "--offset") : 0;
        long? wanted = run.Get(_length) is { } lengthText ? SizeText.Parse(lengthText, "--length") : null;
        await using VirtualDisk disk = await run.Host.OpenDiskAsync(HostPath.Full(file), _chain.Read(run, run.Get(_format), readOnly: true), run.Cancellation);
        long length = wanted ?? Math.Max(0, disk.LengthBytes - offset);
        if (offset > disk.LengthBytes || length > disk.LengthBytes - offset)
        {
            throw new CliException($"{file}: {length} bytes at {offset} are not inside the disk of {disk.LengthBytes} bytes.");
        }

        if (toStandardOutput)
        {
            Stream output = run.Streams.OutBytes;
            Copy(disk, offset, length, (_, piece) => output.Write(piece), run.Cancellation);
            return ExitCode.Ok;
        }

        using PendingFile target = PendingFile.Create(HostPath.Full(outName!), new PendingFileOptions { Overwrite = run.Has(_overwrite), KeepChainOf = disk });
        FileStorage storage = target.Storage;
        Copy(
            disk,
            offset,
            length,
            (at, piece) =>
            {
                // Zeros are left out as holes.
                if (piece.ContainsAnyExcept((byte)0))
                {
                    storage.Write(at, piece);
                }
            },
            run.Cancellation);
        storage.SetLength(length);
        target.Publish();
        return ExitCode.Ok;
    }

    private static void Copy(VirtualDisk disk, long offset, long length, PieceTarget target, CancellationToken cancellation)
    {
        byte[] buffer = new byte[(int)Math.Min(BufferBytes, Math.Max(1, length))];
        for (long done = 0; done < length;)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<byte> piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done));
            disk.Read(offset + done, piece);
            target(done, piece);
            done += piece.Length;
        }
    }

    private delegate void PieceTarget(long at, ReadOnlySpan<byte> piece);
}
