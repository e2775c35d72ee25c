using System.Runtime.ExceptionServices;

namespace QedVd.Host;

/// <summary>Something that calls code of plugins, in steps of one call each. A step that takes too long is given up, and everything with it.</summary>
internal abstract class PluginWork(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ExceptionDispatchInfo? _thrown;
    private long _stepStarted;
    private bool _isInStep;
    private bool _isLeft;
    private volatile bool _isGivenUp;
    private volatile bool _hasReturned;

    /// <summary>Completes when the work has ended, or was given up.</summary>
    public Task Settled => _settled.Task;

    public bool IsGivenUp => _isGivenUp;

    /// <summary>Whether no code of a plugin runs for it any more.</summary>
    public bool HasReturned => _hasReturned;

    /// <summary>Does the work on this thread, up to the end or to where nobody wants it any more. What it throws is kept.</summary>
    public void Run()
    {
        try
        {
            Steps();
        }
#pragma warning disable CA1031 // Thrown again where it was asked for.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _thrown = ExceptionDispatchInfo.Capture(exception);
        }

        _hasReturned = true;
        if (_isGivenUp)
        {
            ReturnLate();
        }

        _settled.TrySetResult();
    }

    public void ThrowWhatItThrew()
    {
        if (!_isGivenUp)
        {
            _thrown?.Throw();
        }
    }

    /// <summary>Nobody waits for it any more: what was begun ends, no further step begins.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            _isLeft = true;
        }
    }

    /// <summary>How long the present step may still take; null between steps.</summary>
    public TimeSpan? TimeLeft(TimeSpan limit)
    {
        lock (_gate)
        {
            return _isInStep ? limit - time.GetElapsedTime(_stepStarted) : null;
        }
    }

    /// <summary>Gives it up if the present step has taken longer than the limit. The step cannot end, nor another begin, meanwhile.</summary>
    public bool TryGiveUp(TimeSpan limit)
    {
        lock (_gate)
        {
            if (!_isInStep || time.GetElapsedTime(_stepStarted) < limit)
            {
                return false;
            }

            _isInStep = false;
            _isGivenUp = true;
            GiveUpStep();
        }

        _settled.TrySetResult();
        return true;
    }

    /// <summary>All steps, each between <see cref="TryBegin"/> and <see cref="TryEnd"/>.</summary>
    protected abstract void Steps();

    /// <summary>The present step does not come back. Called under a lock.</summary>
    protected virtual void GiveUpStep()
    {
    }

    /// <summary>It was given up, and came back after all.</summary>
    protected virtual void ReturnLate()
    {
    }

    /// <summary>False when nobody wants any more of it.</summary>
    protected bool TryBegin()
    {
        lock (_gate)
        {
            _stepStarted = time.GetTimestamp();
            return _isInStep = !_isGivenUp && !_isLeft;
        }
    }

    /// <summary>False when the step came back too late.</summary>
    protected bool TryEnd()
    {
        lock (_gate)
        {
            _isInStep = false;
            return !_isGivenUp;
        }
    }
}
