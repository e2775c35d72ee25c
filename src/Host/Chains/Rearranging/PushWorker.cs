namespace QedVd.Host;

/// <summary>Reads some runs of the levels that are pushed, as many at a time as fill one buffer, and writes them into the target.</summary>
internal sealed class PushWorker(LevelPush push, VirtualDisk target) : IPieceWorker<PushRun>, IDisposable
{
    private readonly PieceBatch<PushRun> _batch = new(push.PieceBytes);

    public bool TryTake(PushRun run) => _batch.TryAdd(run, DataBytes(run));

    /// <summary>Reads.</summary>
    public async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        int start = 0;
        foreach (PushRun run in _batch.Pieces)
        {
            if (run.Kind == PushKind.Data)
            {
                int length = DataBytes(run);
                await push.Limiter.WaitAsync<AsyncIo>(length, cancellationToken).ConfigureAwait(false);
                await ChainReader.ReadAsync<AsyncIo>(push.Union, 0, run.OffsetBytes, new IoBuffer(_batch.Data.AsMemory(start, length)), cancellationToken).ConfigureAwait(false);
                start += length;
            }
        }
    }

    /// <summary>Writes.</summary>
    public async ValueTask<bool> FinishAsync(CancellationToken cancellationToken)
    {
        int start = 0;
        foreach (PushRun run in _batch.Pieces)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (run.Kind == PushKind.Zero)
            {
                await ZeroAsync(run, cancellationToken).ConfigureAwait(false);
                continue;
            }

            int length = DataBytes(run);
            await target.WriteAsync(run.OffsetBytes, _batch.Data.AsMemory(start, length), WriteFlags.None, cancellationToken).ConfigureAwait(false);
            push.Note(length);
            start += length;
        }

        _batch.Clear();
        return true;
    }

    public void Dispose() => _batch.Dispose();

    // Zeros are not read.
    private static int DataBytes(in PushRun run) => run.Kind == PushKind.Data ? (int)run.LengthBytes : 0;

    // What reads as zero already, and goes on to, needs no marker, and no table for one.
    private async ValueTask ZeroAsync(PushRun run, CancellationToken cancellationToken)
    {
        for (long at = run.OffsetBytes; at < run.EndBytes;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            DiskExtent extent = await target.MapAsync(at, run.EndBytes - at, cancellationToken).ConfigureAwait(false);
            if (!extent.ReadsZero || (extent.Depth > 0 && target.HasMutableParents))
            {
                await target.WriteZeroesAsync(at, extent.LengthBytes, WriteFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
            }

            at = extent.EndBytes;
        }
    }
}
