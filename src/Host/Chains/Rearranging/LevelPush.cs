namespace QedVd.Host;

/// <summary>
/// Writes what neighbouring levels hold together into the level beneath them: data, zeros, and zeros too where one of them ends before the disk does and so hides
/// what a longer one beneath holds. Everything in order, by two workers with a buffer each. What the target reads already it may leave out.
/// </summary>
internal sealed class LevelPush : IDisposable
{
    private const int Workers = 2;
    private const int MinPieceBytes = 512 << 10;
    private const int MaxPieceBytes = 4 << 20;

    // So that it can be stopped.
    private const long MaxZeroBytes = 1L << 30;

    private readonly Generation _union;
    private readonly VirtualDisk _target;
    private readonly IProgress<OperationProgress>? _progress;
    private readonly string _phase;
    private readonly RateLimiter _limiter;
    private readonly int _pieceBytes;
    private readonly byte[]?[] _buffers = new byte[Workers][];
    private readonly Lock _lock = new();
    private long _copiedBytes;
    private long _totalBytes;

    /// <param name="levels">The levels that are pushed, the highest first.</param>
    /// <param name="target">A disk over the level that takes what they hold, and those beneath it.</param>
    /// <param name="limiter">How fast it may copy; it becomes the push's own.</param>
    /// <param name="totalBytes">What there is to copy, as far as is known.</param>
    /// <param name="phase">For people.</param>
    /// <param name="progress">Told how far it is.</param>
    public LevelPush(IReadOnlyList<Level> levels, VirtualDisk target, RateLimiter limiter, long totalBytes, string phase, IProgress<OperationProgress>? progress)
    {
        _union = new Generation(levels);
        _target = target;
        _progress = progress;
        _phase = phase;
        _totalBytes = totalBytes;
        _limiter = limiter;
        _pieceBytes = Math.Clamp(target.Levels[0].BlockBytes, MinPieceBytes, MaxPieceBytes);
    }

    /// <summary>Bytes of data written so far.</summary>
    public long CopiedBytes => Volatile.Read(ref _copiedBytes);

    /// <summary>Pushes all of the disk.</summary>
    public ValueTask CopyAllAsync(CancellationToken cancellationToken) => CopyAsync(0, _union.LengthBytes, cancellationToken);

    /// <summary>Pushes what was changed.</summary>
    public async ValueTask CopyChangedAsync(ChangeTracker changes, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _totalBytes = Math.Max(_totalBytes, _copiedBytes + changes.CountBytes());
        }

        for (long at = 0; at < _union.LengthBytes && changes.FindNext(at) is { } run; at = run.OffsetBytes + run.LengthBytes)
        {
            await CopyAsync(run.OffsetBytes, run.OffsetBytes + run.LengthBytes, cancellationToken).ConfigureAwait(false);
        }
    }

    public void Dispose() => _limiter.Dispose();

    private async ValueTask CopyAsync(long offset, long end, CancellationToken cancellationToken)
    {
        Report(0);
        var walk = new PushWalk(_union, offset, end);
        if (end - offset <= _pieceBytes)
        {
            await WorkAsync(walk, turn: null, worker: 0, cancellationToken).ConfigureAwait(false);
            return;
        }

        using var turn = new SemaphoreSlim(1, 1);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] workers = [.. Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WorkOrStopAsync(walk, turn, worker, stop), CancellationToken.None))];
        await Task.WhenAll(workers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();

        // The one that failed has stopped the other.
        Task? failed = Array.Find(workers, worker => worker.IsFaulted) ?? Array.Find(workers, worker => !worker.IsCompletedSuccessfully);
        if (failed is not null)
        {
            await failed.ConfigureAwait(false);
        }
    }

    private async Task WorkOrStopAsync(PushWalk walk, SemaphoreSlim turn, int worker, CancellationTokenSource stop)
    {
        try
        {
            await WorkAsync(walk, turn, worker, stop.Token).ConfigureAwait(false);
        }
        catch
        {
            await stop.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask WorkAsync(PushWalk walk, SemaphoreSlim? turn, int worker, CancellationToken cancellationToken)
    {
        while (await NextAsync(walk, turn, cancellationToken).ConfigureAwait(false) is { } run)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (run.Kind == PushKind.Zero)
            {
                await ZeroAsync(run, cancellationToken).ConfigureAwait(false);
            }
            else if (run.Kind == PushKind.Data)
            {
                await _limiter.WaitAsync<AsyncIo>(run.LengthBytes, cancellationToken).ConfigureAwait(false);
                byte[] buffer = _buffers[worker] ??= GC.AllocateUninitializedArray<byte>(_pieceBytes);
                Memory<byte> data = buffer.AsMemory(0, (int)run.LengthBytes);
                await ChainReader.ReadAsync<AsyncIo>(_union, 0, run.OffsetBytes, new IoBuffer(data), cancellationToken).ConfigureAwait(false);
                await _target.WriteAsync(run.OffsetBytes, data, WriteFlags.None, cancellationToken).ConfigureAwait(false);
                Report(run.LengthBytes);
            }
        }
    }

    private async ValueTask<PushRun?> NextAsync(PushWalk walk, SemaphoreSlim? turn, CancellationToken cancellationToken)
    {
        if (turn is null)
        {
            return await walk.NextAsync(_pieceBytes, cancellationToken).ConfigureAwait(false);
        }

        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await walk.NextAsync(_pieceBytes, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    // What reads as zero already, and goes on to, needs no marker, and no table for one.
    private async ValueTask ZeroAsync(PushRun run, CancellationToken cancellationToken)
    {
        for (long at = run.OffsetBytes; at < run.EndBytes;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            DiskExtent extent = await _target.MapAsync(at, Math.Min(MaxZeroBytes, run.EndBytes - at), cancellationToken).ConfigureAwait(false);
            if (!extent.ReadsZero || (extent.Depth > 0 && _target.HasMutableParents))
            {
                await _target.WriteZeroesAsync(at, extent.LengthBytes, WriteFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
            }

            at = extent.EndBytes;
        }
    }

    private void Report(long bytes)
    {
        lock (_lock)
        {
            _copiedBytes += bytes;
            _totalBytes = Math.Max(_totalBytes, _copiedBytes);
            _progress?.Report(new OperationProgress(_copiedBytes, _totalBytes, _phase));
        }
    }
}
