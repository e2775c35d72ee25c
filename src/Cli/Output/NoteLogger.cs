using Microsoft.Extensions.Logging;
using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Output;

/// <summary>Shows the host's warnings as notes of a verb that wants them. What is worse arrives as an exception, and is not said twice.</summary>
internal sealed class NoteLogger(VerbRun run) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Warning && run.SaysWarnings;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            run.Note($"{formatter(state, exception).TrimEnd('.')}.");
        }
    }

    public void Dispose()
    {
    }
}
