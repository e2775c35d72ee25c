using System.Buffers;

namespace QedVd.Host;

/// <content>What reads and writes while the top is filled.</content>
public sealed partial class VirtualDisk
{
    /// <summary>Reads some pieces of the old view, as many at a time as fill one buffer, and writes into the top what of them the new view does not read.</summary>
    private sealed class PullWorker(Puller pull) : IPieceWorker<PullPiece>, IDisposable
    {
        private const int MinUnitBytes = 4096;

        private readonly int _unit = (int)RoundUp(Math.Max(pull.BlockBytes, MinUnitBytes), pull.BlockBytes);
        private readonly PieceBatch<PullPiece> _batch = new(pull.PieceBytes);
        private readonly List<Run> _runs = [];
        private byte[]? _other;

        public bool TryTake(PullPiece piece) => _batch.TryAdd(piece, BufferBytes(piece));

        /// <summary>Reads, and finds out which blocks the new view reads otherwise.</summary>
        public async ValueTask PrepareAsync(CancellationToken cancellationToken)
        {
            int start = 0;
            foreach (PullPiece piece in _batch.Pieces)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int length = BufferBytes(piece);
                await pull.Limiter.WaitAsync<AsyncIo>(length, cancellationToken).ConfigureAwait(false);
                if (length > 0)
                {
                    await ReadAsync(_batch.Data, pull.Before, piece, start, length, cancellationToken).ConfigureAwait(false);
                    if (piece.IsOverData)
                    {
                        // Blocks may be of many MiB: another buffer only where there is something to compare.
                        _other ??= ArrayPool<byte>.Shared.Rent(pull.PieceBytes);
                        await ReadAsync(_other, pull.After, piece, start, length, cancellationToken).ConfigureAwait(false);
                    }

                    FindDifferences(piece, start, length);
                    start += length;
                }
                else if (piece.LengthBytes > 0)
                {
                    Add(new Run(piece.OffsetBytes, RoundUp(piece.LengthBytes, pull.BlockBytes), start, IsZero: true));
                }
            }
        }

        /// <summary>Writes. A run is done or not: cancelling stops between them.</summary>
        public async ValueTask<bool> FinishAsync(CancellationToken cancellationToken)
        {
            long copied = 0;
            foreach (Run run in _runs)
            {
                cancellationToken.ThrowIfCancellationRequested();
                copied += await FillAsync(run).ConfigureAwait(false);
            }

            pull.Note(_batch.Pieces[^1].EndBytes, copied);
            _batch.Clear();
            _runs.Clear();
            return true;
        }

        public void Dispose()
        {
            _batch.Dispose();
            if (_other is not null)
            {
                ArrayPool<byte>.Shared.Return(_other);
                _other = null;
            }
        }

        // Whole blocks; zeros are not read.
        private int BufferBytes(in PullPiece piece) => piece.IsZero ? 0 : (int)RoundUp(piece.LengthBytes, pull.BlockBytes);

        /// <summary>Reads a piece of a view to a place in a buffer, zeros beyond the disk's end.</summary>
        private static ValueTask ReadAsync(byte[] buffer, ChainView view, in PullPiece piece, int start, int lengthBytes, CancellationToken cancellationToken)
        {
            int inside = (int)piece.LengthBytes;
            buffer.AsSpan(start + inside, lengthBytes - inside).Clear();
            return view.ReadAsync(piece.OffsetBytes, buffer.AsMemory(start, inside), cancellationToken);
        }

        private void FindDifferences(in PullPiece piece, int start, int lengthBytes)
        {
            for (int at = 0; at < lengthBytes; at += _unit)
            {
                int length = Math.Min(_unit, lengthBytes - at);
                ReadOnlySpan<byte> bytes = _batch.Data.AsSpan(start + at, length);
                bool isZero = !bytes.ContainsAnyExcept((byte)0);
                if (piece.IsOverData ? !bytes.SequenceEqual(_other.AsSpan(start + at, length)) : !isZero)
                {
                    Add(new Run(piece.OffsetBytes + at, length, start + at, isZero));
                }
            }
        }

        // Neighbours that were read are written as one, also those of two pieces; zeros that were not read may be many, and guests wait for each.
        private void Add(Run run)
        {
            if (_runs.Count > 0 && _runs[^1] is var last && last.IsZero == run.IsZero && last.EndBytes == run.OffsetBytes && last.Start + last.LengthBytes == run.Start)
            {
                _runs[^1] = last with { LengthBytes = last.LengthBytes + run.LengthBytes };
            }
            else
            {
                _runs.Add(run);
            }
        }

        /// <summary>Stores whole blocks where they are still free, the rest of the disk's last one with it. Returns the bytes of data written.</summary>
        private async ValueTask<long> FillAsync(Run run)
        {
            IDiskImage top = pull.Generation.Top;
            long size = top.VirtualSizeBytes;

            // The last block may end where no number reaches.
            long end = run.LengthBytes < size - run.OffsetBytes ? run.EndBytes : size;
            long copied = 0;
            RangeLock.Entry entry = await pull.Disk._growth.EnterAsync<AsyncIo>(run.OffsetBytes, RoundUp(end, pull.BlockBytes), CancellationToken.None).ConfigureAwait(false);
            try
            {
                for (long at = run.OffsetBytes; at < end;)
                {
                    Extent extent = await MapTopAsync<AsyncIo>(pull.Generation, at, end - at, CancellationToken.None).ConfigureAwait(false);
                    long length = RoundUp(extent.LengthBytes, pull.BlockBytes);
                    if (extent.Kind == ExtentKind.Free && run.IsZero)
                    {
                        await ZeroAllAsync<AsyncIo>(top, at, length, WriteFlags.None, CancellationToken.None).ConfigureAwait(false);
                    }
                    else if (extent.Kind == ExtentKind.Free)
                    {
                        var data = new IoBuffer(_batch.Data.AsMemory(run.Start + (int)(at - run.OffsetBytes), (int)length));
                        await WriteAllAsync<AsyncIo>(top, at, data, WriteFlags.None, CancellationToken.None).ConfigureAwait(false);
                        copied += Math.Min(length, size - at);
                    }

                    at += extent.LengthBytes;
                }

                return copied;
            }
            finally
            {
                pull.Disk._growth.Exit(entry);
            }
        }

        /// <summary>Blocks that the level has to hold itself.</summary>
        /// <param name="OffsetBytes">Where on the disk.</param>
        /// <param name="LengthBytes">Whole blocks.</param>
        /// <param name="Start">Where their bytes are in the buffer, unless they are zeros.</param>
        /// <param name="IsZero">They are zeros.</param>
        private readonly record struct Run(long OffsetBytes, long LengthBytes, int Start, bool IsZero)
        {
            public long EndBytes => OffsetBytes + LengthBytes;
        }
    }
}
