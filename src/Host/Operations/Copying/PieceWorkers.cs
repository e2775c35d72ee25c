using System.Runtime.ExceptionServices;

namespace QedVd.Host;

/// <summary>
/// Works on the pieces of a plan with several workers: pieces are taken in order, prepared (read, compared) side by side, and finished (written) in order,
/// one at a time, so that what is written comes to lie in the order of the disk. The first error stops all of them.
/// </summary>
/// <typeparam name="TPiece">What a plan consists of.</typeparam>
internal sealed class PieceWorkers<TPiece> : IDisposable
{
    private readonly SemaphoreSlim _taking = new(1, 1);
    private readonly Lock _lock = new();
    private readonly IAsyncEnumerator<TPiece> _plan;
    private readonly IPieceWorker<TPiece>[] _workers;
    private readonly PieceTurn[] _turns;
    private readonly CancellationToken _cancellationToken;
    private ExceptionDispatchInfo? _failure;
    private long _taken;
    private long _next;
    private bool _isEnded;

    private PieceWorkers(IAsyncEnumerator<TPiece> plan, IPieceWorker<TPiece>[] workers, CancellationToken cancellationToken)
    {
        _plan = plan;
        _workers = workers;
        _turns = new PieceTurn[workers.Length];
        _cancellationToken = cancellationToken;
        for (int i = 0; i < workers.Length; i++)
        {
            _turns[i] = new PieceTurn();
        }
    }

    /// <summary>Runs a plan to its end, or until a worker has finished the last piece that it wants.</summary>
    public static async ValueTask RunAsync(IAsyncEnumerable<TPiece> plan, IPieceWorker<TPiece>[] workers, CancellationToken cancellationToken)
    {
        IAsyncEnumerator<TPiece> pieces = plan.GetAsyncEnumerator(cancellationToken);
        await using (pieces.ConfigureAwait(false))
        {
            using var work = new PieceWorkers<TPiece>(pieces, workers, cancellationToken);
            await Task.WhenAll(workers.Select(worker => Task.Run(() => work.WorkAsync(worker)))).ConfigureAwait(false);
            work._failure?.Throw();
        }
    }

    public void Dispose() => _taking.Dispose();

    private async Task WorkAsync(IPieceWorker<TPiece> worker)
    {
        try
        {
            while (await TakeAsync().ConfigureAwait(false) is { HasPiece: true } taken)
            {
                await worker.PrepareAsync(taken.Piece, _cancellationToken).ConfigureAwait(false);
                PieceTurn turn = _turns[taken.Number % _turns.Length];
                await turn.WaitAsync().ConfigureAwait(false);
                if (_failure is not null)
                {
                    return;
                }

                bool goesOn = await worker.FinishAsync(taken.Piece, _cancellationToken).ConfigureAwait(false);
                Pass(taken.Number, goesOn);
            }
        }
#pragma warning disable CA1031 // Whatever it is: the others are stopped, and the caller gets it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Stop(exception);
        }
    }

    private async ValueTask<(bool HasPiece, TPiece Piece, long Number)> TakeAsync()
    {
        await _taking.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            if (_isEnded || _failure is not null)
            {
                return default;
            }

            _cancellationToken.ThrowIfCancellationRequested();
            if (!await _plan.MoveNextAsync().ConfigureAwait(false))
            {
                _isEnded = true;
                return default;
            }

            lock (_lock)
            {
                long number = _taken++;
                PieceTurn turn = _turns[number % _turns.Length];

                // The worker that had this place has passed on its turn: there are as many places as workers.
                turn.Reset();
                if (_next == number || _failure is not null)
                {
                    turn.Grant();
                }

                return (true, _plan.Current, number);
            }
        }
        finally
        {
            _taking.Release();
        }
    }

    private void Pass(long number, bool goesOn)
    {
        lock (_lock)
        {
            _isEnded |= !goesOn;
            _next = number + 1;
            if (_failure is null && _next < _taken)
            {
                _turns[_next % _turns.Length].Grant();
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

            // The turn of the next one has been granted already, or was the failed one's.
            for (long number = _next + 1; number < _taken; number++)
            {
                _turns[number % _turns.Length].Grant();
            }
        }
    }
}
