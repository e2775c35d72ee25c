using System.Diagnostics;
using System.Runtime.InteropServices;

namespace QedVd.Cli.CommandLine;

/// <summary>
/// The first Ctrl-C (or SIGTERM, or SIGHUP when the terminal goes) asks for a clean stop, the second one ends the process. One that follows at once is the
/// first again: timeout(1), for one, tells the process and then its group.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private static readonly TimeSpan s_sameWithin = TimeSpan.FromMilliseconds(250);

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration _hangUp;
    private long _firstAt;

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
        // After an interrupt they stay until the process ends: the same one may be on its way again.
        if (Volatile.Read(ref _firstAt) == 0)
        {
            _interrupt.Dispose();
            _terminate.Dispose();
            _hangUp.Dispose();
        }

        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        long now = Stopwatch.GetTimestamp();
        long first = Interlocked.CompareExchange(ref _firstAt, now, 0);
        if (first != 0)
        {
            // Not cancelled: the system's own way of ending follows.
            context.Cancel = Stopwatch.GetElapsedTime(first, now) < s_sameWithin;
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
