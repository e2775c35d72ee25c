using System.Runtime.InteropServices;

namespace QedVd.Cli.CommandLine;

/// <summary>The first Ctrl-C (or SIGTERM, or SIGHUP when the terminal goes) asks for a clean stop, the second one ends the process.</summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration _hangUp;
    private int _count;

    public Interrupt()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>The exit code for what came: 128 and the signal's number, as shells report it.</summary>
    public int ExitCode { get; private set; } = CommandLine.ExitCode.Interrupted;

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _hangUp.Dispose();
        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        if (Interlocked.Increment(ref _count) > 1)
        {
            // Not cancelled: the system's own way of ending follows.
            return;
        }

        context.Cancel = true;
        ExitCode = context.Signal switch
        {
            PosixSignal.SIGTERM => CommandLine.ExitCode.Terminated,
            PosixSignal.SIGHUP => CommandLine.ExitCode.HungUp,
            _ => CommandLine.ExitCode.Interrupted,
        };
        // Not on this thread: what is cancelled may take a while, and the second signal must be heard.
        _ = _source.CancelAsync();
    }
}
