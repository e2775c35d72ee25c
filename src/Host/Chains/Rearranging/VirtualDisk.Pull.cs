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
    /// <param name="progress">Told how far it is, in bytes of the disk.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    /// <returns>The bytes of data written.</returns>
    private Task<long> PullAsync(ChainView before, ChainView after, RateLimiter limiter, IProgress<OperationProgress>? progress, CancellationToken cancellationToken) =>
        Task.Run(
            async () =>
            {
                using var pull = new Puller(this, before, after, limiter);
                long copied = await pull.RunAsync(progress, cancellationToken).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                await _generation.Levels[0].AskAsync("flushing", image => image.FlushAsync(cancellationToken), cancellationToken).ConfigureAwait(false);
                return copied;
            },
            cancellationToken);

    /// <summary>One pull: while a piece is written, the next one is read. Pieces are written one after the other, so that the file stays in order.</summary>
    private sealed class Puller : IDisposable
    {
        private const string Phase = "copying from the parents";
        private const int ProgressSteps = 1000;

        private readonly VirtualDisk _disk;
        private readonly Generation _generation;
        private readonly ChainView _before;
        private readonly ChainView _after;
        private readonly RateLimiter _limiter;
        private readonly PullWalk _walk;
        private readonly int _pieceBytes;
        private PullBuffer _read;
        private PullBuffer _written;
        private PullBuffer? _other;
        private long _copiedBytes;

        public Puller(VirtualDisk disk, ChainView before, ChainView after, RateLimiter limiter)
        {
            _disk = disk;
            _generation = disk._generation;
            _before = before;
            _after = after;
            _limiter = limiter;
            int block = _generation.TopBlockBytes;
            _pieceBytes = block >= PullBytes ? block : PullBytes - (PullBytes % block);
            _walk = new PullWalk(_generation.Levels[0], before, after, _pieceBytes);
            _read = new PullBuffer(_pieceBytes, block);
            _written = new PullBuffer(_pieceBytes, block);
        }

        public void Dispose()
        {
            _read.Dispose();
            _written.Dispose();
            _other?.Dispose();
        }

        public async ValueTask<long> RunAsync(IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
        {
            long total = _generation.Top.VirtualSizeBytes;
            long reported = -1;
            ValueTask writing = default;
            try
            {
                while (_walk.OffsetBytes < total)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    PullPiece? next = await _walk.NextAsync(cancellationToken).ConfigureAwait(false);
                    if (next is { } piece)
                    {
                        int length = piece.IsZero ? 0 : (int)RoundUp(piece.LengthBytes, _generation.TopBlockBytes);
                        await _limiter.WaitAsync<AsyncIo>(length, cancellationToken).ConfigureAwait(false);
                        if (!piece.IsZero)
                        {
                            // Blocks may be of many MiB: a third buffer only where there is something to compare.
                            _other ??= piece.IsOverData ? new PullBuffer(_pieceBytes, _generation.TopBlockBytes) : null;
                            await _read.FillAsync(piece, length, _before, _after, _other, cancellationToken).ConfigureAwait(false);
                        }

                        ValueTask earlier = writing;
                        writing = default;
                        await earlier.ConfigureAwait(false);
                        cancellationToken.ThrowIfCancellationRequested();
                        if (!piece.IsZero)
                        {
                            (_read, _written) = (_written, _read);
                        }

                        writing = piece.IsZero ? FillZerosAsync(piece) : FillDataAsync(piece.OffsetBytes);
                    }

                    long done = _walk.OffsetBytes;
                    if (progress is not null && (done - reported > total / ProgressSteps || done == total))
                    {
                        reported = done;
                        progress.Report(new OperationProgress(done, total, Phase));
                    }
                }
            }
            catch
            {
                await EndAsync(writing).ConfigureAwait(false);
                throw;
            }

            await writing.ConfigureAwait(false);
            return _copiedBytes;
        }

        // The first error counts; what is still being written uses the buffers.
        private static async ValueTask EndAsync(ValueTask writing)
        {
            try
            {
                await writing.ConfigureAwait(false);
            }
            catch (ImageException)
            {
                // Nothing is lost by it: the blocks are free, as they were.
            }
        }

        // Not to be cancelled: a piece is done or not.
        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        private async ValueTask FillDataAsync(long offset)
        {
            // The list is not enumerated: that would allocate.
            for (int i = 0; i < _written.Runs.Count; i++)
            {
                PullBuffer.Run run = _written.Runs[i];
                await FillAsync(offset + run.Start, run.LengthBytes, run.IsZero ? -1 : run.Start).ConfigureAwait(false);
            }
        }

        private ValueTask FillZerosAsync(PullPiece piece) =>
            FillAsync(piece.OffsetBytes, RoundUp(piece.LengthBytes, _generation.TopBlockBytes), start: -1);

        // Whole blocks, the rest of the disk's last one with it, from a place in the buffer; zeros for a negative one.
        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
        private async ValueTask FillAsync(long offset, long lengthBytes, int start)
        {
            IDiskImage top = _generation.Top;
            int block = _generation.TopBlockBytes;
            long size = top.VirtualSizeBytes;
            long end = offset + lengthBytes;
            RangeLock.Entry entry = await _disk._growth.EnterAsync<AsyncIo>(offset, end, CancellationToken.None).ConfigureAwait(false);
            try
            {
                for (long at = offset; at < end;)
                {
                    Extent extent = await MapTopAsync<AsyncIo>(_generation, at, Math.Min(end, size) - at, CancellationToken.None).ConfigureAwait(false);
                    long run = RoundUp(extent.LengthBytes, block);
                    if (extent.Kind == ExtentKind.Free && start < 0)
                    {
                        await ZeroAllAsync<AsyncIo>(top, at, run, WriteFlags.None, CancellationToken.None).ConfigureAwait(false);
                    }
                    else if (extent.Kind == ExtentKind.Free)
                    {
                        var data = new IoBuffer(_written.At(start + (int)(at - offset), (int)run));
                        await WriteAllAsync<AsyncIo>(top, at, data, WriteFlags.None, CancellationToken.None).ConfigureAwait(false);
                        _copiedBytes += Math.Min(run, size - at);
                    }

                    at += run;
                }
            }
            finally
            {
                _disk._growth.Exit(entry);
            }
        }
    }
}
