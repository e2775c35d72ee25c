using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>
/// Writes what neighbouring levels hold together into the level beneath them: data, zeros, and zeros too where one of them ends before the disk does and so hides
/// what a longer one beneath holds. What the target reads already it may leave out.
/// </summary>
internal sealed class LevelPush : IDisposable
{
    private const int Workers = 2;
    private const int MinPieceBytes = 256 << 10;
    private const int MaxPieceBytes = 4 << 20;

    private readonly IProgress<OperationProgress>? _progress;
    private readonly string _phase;
    private readonly EarlyBarriers _barriers;
    private readonly PushWorker[] _workers = new PushWorker[Workers];
    private long _totalBytes;

    /// <param name="levels">The levels that are pushed, the highest first.</param>
    /// <param name="target">A disk over the level that takes what they hold, and those beneath it.</param>
    /// <param name="limiter">How fast it may copy; it becomes the push's own.</param>
    /// <param name="barriers">Of the file that takes it.</param>
    /// <param name="totalBytes">What there is to copy, as far as is known.</param>
    /// <param name="phase">For people.</param>
    /// <param name="progress">Told how far it is.</param>
    public LevelPush(IReadOnlyList<Level> levels, VirtualDisk target, RateLimiter limiter, EarlyBarriers barriers, long totalBytes, string phase, IProgress<OperationProgress>? progress)
    {
        Union = new Generation(levels);
        Limiter = limiter;
        PieceBytes = Math.Clamp(target.Levels[0].BlockBytes, MinPieceBytes, MaxPieceBytes);
        _progress = progress;
        _phase = phase;
        _totalBytes = totalBytes;
        _barriers = barriers;
        for (int i = 0; i < Workers; i++)
        {
            _workers[i] = new PushWorker(this, target);
        }
    }

    /// <summary>The levels that are pushed, as one.</summary>
    public Generation Union { get; }

    public RateLimiter Limiter { get; }

    /// <summary>What is read and written at once, at most.</summary>
    public int PieceBytes { get; }

    /// <summary>Bytes of data written so far.</summary>
    public long CopiedBytes { get; private set; }

    /// <summary>Pushes all of the disk.</summary>
    public ValueTask CopyAllAsync(CancellationToken cancellationToken) => CopyAsync([(0, Union.LengthBytes)], cancellationToken);

    /// <summary>Pushes what was changed.</summary>
    public ValueTask CopyChangedAsync(ChangeTracker changes, CancellationToken cancellationToken)
    {
        _totalBytes = Math.Max(_totalBytes, CopiedBytes + changes.CountBytes());
        return CopyAsync(changes.Runs(), cancellationToken);
    }

    /// <summary>So much data more is written. Called by one at a time.</summary>
    public void Note(long bytes)
    {
        CopiedBytes += bytes;
        _totalBytes = Math.Max(_totalBytes, CopiedBytes);
        _barriers.Note(CopiedBytes);
        _progress?.Report(new OperationProgress(CopiedBytes, _totalBytes, _phase));
    }

    public void Dispose()
    {
        Limiter.Dispose();
        foreach (PushWorker worker in _workers)
        {
            worker.Dispose();
        }
    }

    private ValueTask CopyAsync(IEnumerable<(long OffsetBytes, long LengthBytes)> ranges, CancellationToken cancellationToken) =>
        _barriers.WhileAsync(async () =>
        {
            Note(0);
            await PieceWorkers<PushRun>.RunAsync(RunsAsync(ranges, cancellationToken), _workers, isOrdered: true, cancellationToken).ConfigureAwait(false);
        });

    private async IAsyncEnumerable<PushRun> RunsAsync(IEnumerable<(long OffsetBytes, long LengthBytes)> ranges, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach ((long offset, long length) in ranges)
        {
            var walk = new PushWalk(Union, offset, offset + length);
            while (await walk.NextAsync(PieceBytes, cancellationToken).ConfigureAwait(false) is { } run)
            {
                if (run.Kind != PushKind.Skip)
                {
                    yield return run;
                }
            }
        }
    }
}
