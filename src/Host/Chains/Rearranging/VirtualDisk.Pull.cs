using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <content>Filling the top with what lies beneath it, so that it can lie over something else.</content>
public sealed partial class VirtualDisk
{
    private const int PullBytes = 256 << 10;

    /// <summary>
    /// Writes into the top what the old view reads wherever the top is free and the new view reads otherwise; then all of it is durable. Guests may go on
    /// meanwhile: each piece is written under the growth lock of its range, where it is still free. Stopping between pieces leaves a valid disk, and doing it
    /// again goes on.
    /// </summary>
    /// <param name="before">What lies beneath the top now.</param>
    /// <param name="after">What is going to.</param>
    /// <param name="limiter">Keeps what is copied per second within bounds.</param>
    /// <param name="barriers">Of the top's file.</param>
    /// <param name="progress">Told how far it is, in bytes of the disk.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    /// <returns>The bytes of data written.</returns>
    private async ValueTask<long> PullAsync(
        ChainView before, ChainView after, RateLimiter limiter, EarlyBarriers barriers, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        using var pull = new Puller(this, before, after, limiter, barriers, progress);
        long copied = await pull.RunAsync(cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        await _generation.Levels[0].AskAsync("flushing", image => image.FlushAsync(cancellationToken), cancellationToken).ConfigureAwait(false);
        return copied;
    }

    /// <summary>One pull: pieces are read side by side, and written one after the other, so that the file stays in order.</summary>
    private sealed class Puller : IDisposable
    {
        private const int Workers = 2;
        private const string Phase = "copying from the parents";
        private const int ProgressSteps = 1000;

        private readonly IProgress<OperationProgress>? _progress;
        private readonly EarlyBarriers _barriers;
        private readonly PullWorker[] _workers = new PullWorker[Workers];
        private long _copiedBytes;
        private long _reportedBytes = -1;

        public Puller(VirtualDisk disk, ChainView before, ChainView after, RateLimiter limiter, EarlyBarriers barriers, IProgress<OperationProgress>? progress)
        {
            Disk = disk;
            Generation = disk._generation;
            Before = before;
            After = after;
            Limiter = limiter;
            BlockBytes = Generation.TopBlockBytes;
            PieceBytes = BlockBytes >= PullBytes ? BlockBytes : PullBytes - (PullBytes % BlockBytes);
            _progress = progress;
            _barriers = barriers;
            for (int i = 0; i < Workers; i++)
            {
                _workers[i] = new PullWorker(this);
            }
        }

        public VirtualDisk Disk { get; }

        public Generation Generation { get; }

        public ChainView Before { get; }

        public ChainView After { get; }

        public RateLimiter Limiter { get; }

        /// <summary>What the top allocates at once.</summary>
        public int BlockBytes { get; }

        /// <summary>What is read and written at once, at most: whole blocks.</summary>
        public int PieceBytes { get; }

        public void Dispose()
        {
            foreach (PullWorker worker in _workers)
            {
                worker.Dispose();
            }
        }

        public async ValueTask<long> RunAsync(CancellationToken cancellationToken)
        {
            await _barriers.WhileAsync(() => PieceWorkers<PullPiece>.RunAsync(PiecesAsync(cancellationToken), _workers, isOrdered: true, cancellationToken)).ConfigureAwait(false);
            return _copiedBytes;
        }

        /// <summary>The disk is done up to here. Called in order, one at a time.</summary>
        public void Note(long endBytes, long copiedBytes)
        {
            _copiedBytes += copiedBytes;
            _barriers.Note(_copiedBytes);
            long total = Generation.Top.VirtualSizeBytes;
            if (_progress is not null && (endBytes - _reportedBytes > total / ProgressSteps || endBytes == total))
            {
                _reportedBytes = endBytes;
                _progress.Report(new OperationProgress(endBytes, total, Phase));
            }
        }

        private async IAsyncEnumerable<PullPiece> PiecesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            var walk = new PullWalk(Generation.Levels[0], Before, After, PieceBytes);
            while (walk.OffsetBytes < Generation.Top.VirtualSizeBytes)
            {
                yield return await walk.NextAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
