using System.Runtime.ExceptionServices;

namespace QedVd.Host;

/// <summary>
/// Works on the pieces of a plan with several workers: pieces are taken in order, some at a time because handing over costs as much as a small piece, and
/// prepared (read, compared) side by side. Finished (written) they are in order too, by one worker at a time, when that is asked for: then what is written
/// comes to lie in the order of the disk. Whoever finishes goes on with those who are ready behind, so that no piece waits for a thread to wake up. The first
/// error stops all of them.
/// </summary>
/// <typeparam name="TPiece">What a plan consists of.</typeparam>
internal sealed class PieceWorkers<TPiece> : IDisposable
{
    private readonly SemaphoreSlim _taking = new(1, 1);
    private readonly Lock _lock = new();
    private readonly IAsyncEnumerator<TPiece> _plan;

    // Also when one has failed: another may be waiting for its turn to read.
    private readonly CancellationTokenSource _stop;
    private readonly bool _isOrdered;

    // Who has prepared its pieces, and not finished them.
    private readonly (PieceTurn Turn, IPieceWorker<TPiece> Worker)?[] _ready;
    private volatile ExceptionDispatchInfo? _failure;
    private volatile bool _isEnded;
    private bool _isPieceWaiting;
    private long _taken;
    private long _next;
    private bool _isFinishing;

    private PieceWorkers(IAsyncEnumerator<TPiece> plan, int workers, bool isOrdered, CancellationToken cancellationToken)
    {
        _plan = plan;
        _isOrdered = isOrdered;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _ready = new (PieceTurn, IPieceWorker<TPiece>)?[workers];
    }

    /// <summary>Runs a plan to its end, or until a worker has finished the last piece that it wants.</summary>
    public static async ValueTask RunAsync(IAsyncEnumerable<TPiece> plan, IPieceWorker<TPiece>[] workers, bool isOrdered, CancellationToken cancellationToken)
    {
        IAsyncEnumerator<TPiece> pieces = plan.GetAsyncEnumerator(cancellationToken);
        await using (pieces.ConfigureAwait(false))
        {
            using var work = new PieceWorkers<TPiece>(pieces, workers.Length, isOrdered, cancellationToken);
            await Task.WhenAll(workers.Select(worker => Task.Run(() => work.WorkAsync(worker)))).ConfigureAwait(false);
            if (work._failure is { } failure)
            {
                if (failure.SourceException is OperationCanceledException)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                }

                failure.Throw();
            }
        }
    }

    public void Dispose()
    {
        _taking.Dispose();
        _stop.Dispose();
    }

    private async Task WorkAsync(IPieceWorker<TPiece> worker)
    {
        try
        {
            var turn = new PieceTurn();
            while (await TakeAsync(worker).ConfigureAwait(false) is { } number)
            {
                await worker.PrepareAsync(_stop.Token).ConfigureAwait(false);
                if (!_isOrdered)
                {
                    if (!await worker.FinishAsync(_stop.Token).ConfigureAwait(false))
                    {
                        _isEnded = true;
                    }

                    continue;
                }

                turn.Reset();
                if (!HandIn(turn, worker, number, out bool finishes))
                {
                    return;
                }

                if (finishes)
                {
                    await FinishReadyAsync().ConfigureAwait(false);
                }

                await turn.WaitAsync().ConfigureAwait(false);
            }
        }
#pragma warning disable CA1031 // Whatever it is: the others are stopped, and the caller gets it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Stop(exception);
        }
    }

    /// <summary>Gives a worker the next pieces, as many as it has room for. Returns the number of its turn; null: there are no more.</summary>
    private async ValueTask<long?> TakeAsync(IPieceWorker<TPiece> worker)
    {
        await _taking.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            bool hasAny = false;
            while (!_isEnded && _failure is null)
            {
                _stop.Token.ThrowIfCancellationRequested();
                _isPieceWaiting = _isPieceWaiting || await _plan.MoveNextAsync().ConfigureAwait(false);
                if (!_isPieceWaiting)
                {
                    _isEnded = true;
                    break;
                }

                if (!worker.TryTake(_plan.Current))
                {
                    // Else the rest of the plan would be left out, and nobody would say so.
                    if (!hasAny)
                    {
                        throw new InvalidOperationException($"A worker that has nothing has no room for {_plan.Current}.");
                    }

                    break;
                }

                _isPieceWaiting = false;
                hasAny = true;
            }

            return hasAny ? _taken++ : null;
        }
        finally
        {
            _taking.Release();
        }
    }

    /// <summary>A worker has prepared. False when all has stopped. It goes on when somebody has finished for it: itself, when nobody else is at it.</summary>
    private bool HandIn(PieceTurn turn, IPieceWorker<TPiece> worker, long number, out bool finishes)
    {
        lock (_lock)
        {
            finishes = _failure is null && !_isFinishing && number == _next;
            _isFinishing |= finishes;
            if (_failure is null)
            {
                _ready[number % _ready.Length] = (turn, worker);
            }

            return _failure is null;
        }
    }

    private async ValueTask FinishReadyAsync()
    {
        while (true)
        {
            IPieceWorker<TPiece> worker;
            lock (_lock)
            {
                if (_failure is not null || _ready[_next % _ready.Length] is not { } ready)
                {
                    _isFinishing = false;
                    return;
                }

                (_, worker) = ready;
            }

            bool goesOn = await worker.FinishAsync(_stop.Token).ConfigureAwait(false);
            lock (_lock)
            {
                if (!goesOn)
                {
                    _isEnded = true;
                }

                // After a failure everybody has been sent home.
                if (_failure is null)
                {
                    Release(_next++);
                }
            }
        }
    }

    private void Stop(Exception exception)
    {
        lock (_lock)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = ExceptionDispatchInfo.Capture(exception);
            for (int i = 0; i < _ready.Length; i++)
            {
                Release(i);
            }
        }

        _stop.Cancel();
    }

    private void Release(long number)
    {
        ref (PieceTurn Turn, IPieceWorker<TPiece> Worker)? place = ref _ready[number % _ready.Length];
        place?.Turn.Grant();
        place = null;
    }
}
