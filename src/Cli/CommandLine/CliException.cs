namespace QedVd.Cli.CommandLine;

/// <summary>An error of the command line itself. The message is one line: what, where, what to do.</summary>
internal sealed class CliException(string message, int exitCode = ExitCode.Failed, Exception? innerException = null) : Exception(message, innerException)
{
    public int ExitCode { get; } = exitCode;
}
