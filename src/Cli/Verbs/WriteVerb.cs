using System.CommandLine;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Cli.Output;
using QedVd.Host;

namespace QedVd.Cli.Verbs;

internal sealed class WriteVerb : Verb
{
    private const int BufferBytes = 256 << 10;

    private readonly Option<string?> _format;
    private readonly Option<string?> _offset;
    private readonly Option<string?> _length;
    private readonly Option<string?> _input;
    private readonly Option<string?> _cache;
    private readonly ChainOptions _chain;
    private readonly Argument<string?> _file;

    public WriteVerb()
        : base("write")
    {
        _format = ImageFormat("The top image's", isForWriting: true);
        _offset = Text("--offset", "OFFSET", "Begin at OFFSET of the disk; 0 unless given.");
        _length = Text("--length", "LENGTH", "Write at most LENGTH bytes; all of the input unless given.");
        _input = Text("--in", "IN", "Read from the file IN instead of the standard input.", "-i");
        _cache = Text("--cache", "MODE", $"What a crash may cost: {CacheMode.Names}.", "-t");
        _chain = ChainOptions.AddTo(Command, mayShare: false);
        _file = Operand("FILE", "The top image of a chain; its parents are not changed.");
    }

    public override IReadOnlyList<string> Forms { get; } = ["FILE --offset OFFSET [-i IN]"];

    public override string StoppedText => "interrupted; what was written before that stays, and the image is sound.";

    public override string Details => "Without -i the bytes come from the standard input. When the verb has ended well, they are durable.";

    public override async ValueTask<int> RunAsync(VerbRun run)
    {
        string file = run.Get(_file);
        long offset = run.Get(_offset) is { } offsetText ? SizeText.Parse(offsetText, "--offset") : 0;
        long limit = run.Get(_length) is { } lengthText ? SizeText.Parse(lengthText, "--length") : long.MaxValue;
        (ConsistencyMode mode, string? notHonoured) = CacheMode.Parse(run.Get(_cache));
        if (notHonoured is not null)
        {
            run.Note(notHonoured);
        }

        string? inName = run.Get(_input);
        bool fromStandardInput = inName is null or "-";
        using Stream input = fromStandardInput ? StandardStreams.OpenInput() : await OpenInputAsync(inName!, HostPath.Full(file), run.Cancellation);
        await using VirtualDisk disk = await run.Host.OpenDiskAsync(HostPath.Full(file), _chain.Read(run, run.Get(_format), readOnly: false, mode), run.Cancellation);
        if (offset > disk.LengthBytes)
        {
            throw new CliException($"{file}: offset {offset} is not inside the disk of {disk.LengthBytes} bytes.");
        }

        // What cannot fit is refused before the first byte; of a pipe that is not known.
        if (input.CanSeek && Math.Min(input.Length, limit) > disk.LengthBytes - offset)
        {
            throw new CliException($"{file}: {Math.Min(input.Length, limit)} bytes at {offset} do not fit into the disk of {disk.LengthBytes} bytes; nothing was written.");
        }

        await CopyAsync(input, disk, file, offset, limit, run.Cancellation);
        await disk.FlushAsync(run.Cancellation);
        await disk.CloseAsync();
        return ExitCode.Ok;
    }

    private static async Task<FileStream> OpenInputAsync(string name, string target, CancellationToken cancellation)
    {
        string path = HostPath.Full(name);
        if (Directory.Exists(path))
        {
            throw new CliException($"{name}: is a folder; name a file.");
        }

        if (HostPath.IsSame(path, target))
        {
            throw new CliException($"{name}: an image cannot be written into itself; name another input.");
        }

        try
        {
            // Opening a FIFO waits for its writer, and cannot be called off: like a read of a pipe it is left behind when the process is to stop.
            return await Task.Run(() => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0), cancellation).WaitAsync(cancellation);
        }
        catch (FileNotFoundException exception)
        {
            throw new CliException($"{name}: does not exist; name a file that can be read.", innerException: exception);
        }
    }

    private static async Task CopyAsync(Stream input, VirtualDisk disk, string file, long offset, long limit, CancellationToken cancellation)
    {
        byte[] buffer = new byte[BufferBytes];
        long done = 0;
        while (done < limit)
        {
            // Whole pieces: a pipe gives less at a time than a cluster holds.
            int wanted = (int)Math.Min(buffer.Length, limit - done);
            // A read of a pipe cannot be called off: it is left behind when the process is to stop.
            int read = await input.ReadAtLeastAsync(buffer.AsMemory(0, wanted), wanted, throwOnEndOfStream: false, cancellation).AsTask().WaitAsync(cancellation);
            if (read == 0)
            {
                return;
            }

            if (read > disk.LengthBytes - offset - done)
            {
                throw new CliException($"{file}: the input does not fit into the disk of {disk.LengthBytes} bytes; {done} bytes were written at {offset}, the rest was not.");
            }

            disk.Write(offset + done, buffer.AsSpan(0, read));
            done += read;
            if (read < wanted)
            {
                return;
            }
        }
    }
}
