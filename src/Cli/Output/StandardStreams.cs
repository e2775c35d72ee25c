using System.Runtime.CompilerServices;
using System.Text;

[assembly: DisableRuntimeMarshalling]

namespace QedVd.Cli.Output;

/// <summary>The process's input and outputs, or the outputs that are given: text and bytes on the same buffers, and whether each is a terminal.</summary>
internal sealed class StandardStreams(Stream? output = null, Stream? error = null) : IDisposable
{
    private const int BufferBytes = 64 << 10;

    private static readonly UTF8Encoding s_encoding = new(encoderShouldEmitUTF8Identifier: false);

    private StreamWriter? _out;
    private StreamWriter? _error;

    /// <summary>Standard output as text; buffered, flushed at the end and before each error.</summary>
    public TextWriter Out => _out ??= new StreamWriter(OutBytes, s_encoding, BufferBytes, leaveOpen: true);

    /// <summary>Error output as text, unbuffered.</summary>
    public TextWriter Error => _error ??= new StreamWriter(error ?? Open(2), s_encoding, 1024, leaveOpen: true) { AutoFlush = true };

    /// <summary>Standard output as bytes, unbuffered. Flush <see cref="Out"/> before using it.</summary>
    public Stream OutBytes => field ??= output ?? Open(1);

    public bool IsOutTerminal { get; } = output is null && IsTerminal(1);

    public bool IsErrorTerminal { get; } = error is null && IsTerminal(2);

    /// <summary>Whether lines may move where there is a terminal.</summary>
    public static bool AllowsMovingLines => Environment.GetEnvironmentVariable("TERM") != "dumb";

    /// <summary>Whether colours are welcome where there is a terminal.</summary>
    public static bool AllowsColour => AllowsMovingLines && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>Standard input as bytes.</summary>
    public static Stream OpenInput() => Console.OpenStandardInput();

    public void Dispose()
    {
        _error?.Dispose();
        // Flushed by who uses it; what could not be written then cannot be written now.
    }

    private static Stream Open(int descriptor) =>
        OperatingSystem.IsWindows()
            ? descriptor == 1 ? Console.OpenStandardOutput() : Console.OpenStandardError()
            : new StandardOutputStream(descriptor);

    private static bool IsTerminal(int descriptor) =>
        OperatingSystem.IsWindows()
            ? !(descriptor == 1 ? Console.IsOutputRedirected : Console.IsErrorRedirected)
            : StandardOutputStream.IsTerminal(descriptor);
}
