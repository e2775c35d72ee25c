using System.Buffers;

namespace QedVd.Host;

/// <summary>Copies pieces of a disk, as many at a time as fill one buffer.</summary>
internal sealed class DiskCopyWorker : IPieceWorker<CopyPiece>, IDisposable
{
    private readonly DiskCopier _job;
    private readonly PieceBatch<CopyPiece> _batch;
    private readonly byte[]? _beneath;
    private readonly List<Run> _runs = [];
    private long _sharedBytes;

    public DiskCopyWorker(DiskCopier job)
    {
        _job = job;
        _batch = new PieceBatch<CopyPiece>(job.PieceBytes);
        _beneath = job.Beneath is null ? null : ArrayPool<byte>.Shared.Rent(job.PieceBytes);
    }

    public bool TryTake(CopyPiece piece) => _batch.TryAdd(piece, BufferBytes(piece));

    /// <summary>Reads, and finds out what of it has to be written.</summary>
    public async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        int start = 0;
        foreach (CopyPiece piece in _batch.Pieces)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int length = BufferBytes(piece);
            if (length > 0 && _job.Limiter is { } limiter)
            {
                await limiter.WaitAsync<AsyncIo>(length, cancellationToken).ConfigureAwait(false);
            }

            Prepare(piece, start);
            start += length;
        }
    }

    /// <summary>Writes.</summary>
    public ValueTask<bool> FinishAsync(CancellationToken cancellationToken)
    {
        long copied = _sharedBytes;
        foreach (Run run in _runs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (run.Action == CopyAction.Copy)
            {
                _job.Target.Write(run.OffsetBytes, _batch.Data.AsSpan(run.Start, (int)run.LengthBytes));
                copied += run.LengthBytes;
            }
            else if (run.Action == CopyAction.Zero)
            {
                _job.Target.WriteZeroes(run.OffsetBytes, run.LengthBytes, WriteFlags.MayUnmap);
            }
        }

        _job.Note(_batch.Pieces[^1].EndBytes, copied);
        _batch.Clear();
        _runs.Clear();
        _sharedBytes = 0;
        return new ValueTask<bool>(true);
    }

    public void Dispose()
    {
        _batch.Dispose();
        if (_beneath is not null)
        {
            ArrayPool<byte>.Shared.Return(_beneath);
        }
    }

    // Zeros are not read.
    private static int BufferBytes(in CopyPiece piece) => piece.Action == CopyAction.Zero ? 0 : (int)piece.LengthBytes;

    private void Prepare(in CopyPiece piece, int start)
    {
        int length = BufferBytes(piece);
        if (piece.Action == CopyAction.Zero)
        {
            _runs.Add(new Run(piece.OffsetBytes, piece.LengthBytes, start, CopyAction.Zero));
        }
        else if (piece.Action == CopyAction.Copy && _job.TryShare(piece.OffsetBytes, length))
        {
            _sharedBytes += length;
        }
        else
        {
            // On the worker's own thread: a hop for each piece would cost more than it gains.
            _job.Source.Read(piece.OffsetBytes, _batch.Data.AsSpan(start, length));
            if (piece.Action == CopyAction.CopyDifferences)
            {
                FindDifferences(piece.OffsetBytes, start, length);
            }
            else
            {
                FindData(piece.OffsetBytes, start, length);
            }
        }
    }

    // Where the target reads zero already, zeros in the data are left out; else they are made.
    private void FindData(long offset, int start, int length)
    {
        int unit = _job.ZeroBlockBytes == 0 ? length : _job.ZeroBlockBytes;
        CopyAction whenZero = _job.WritesZeros ? CopyAction.Zero : CopyAction.None;
        for (int at = 0; at < length;)
        {
            int end = UnitEnd(length, at, unit, offset);
            Add(offset + at, end - at, start + at, _job.ZeroBlockBytes != 0 && IsZero(_batch.Data.AsSpan(start + at, end - at)) ? whenZero : CopyAction.Copy);
            at = end;
        }
    }

    // By whole blocks: of a block that differs anywhere the target stores all.
    private void FindDifferences(long offset, int start, int length)
    {
        Span<byte> beneath = _beneath.AsSpan(0, length);
        DiskCopier.ReadOrZero(_job.Beneath!, offset, beneath);
        int unit = Math.Min(_job.PieceBytes, _job.TargetBlockBytes);
        for (int at = 0; at < length;)
        {
            int end = UnitEnd(length, at, unit, offset);
            ReadOnlySpan<byte> data = _batch.Data.AsSpan(start + at, end - at);
            bool isSame = data.SequenceEqual(beneath[at..end]);
            Add(offset + at, end - at, start + at, isSame ? CopyAction.None : IsZero(data) ? CopyAction.Zero : CopyAction.Copy);
            at = end;
        }
    }

    // Neighbours that were read are written as one, also those of two pieces.
    private void Add(long offset, int length, int start, CopyAction action)
    {
        if (action == CopyAction.None)
        {
            return;
        }

        if (_runs.Count > 0 && _runs[^1] is var last && last.Action == action && last.OffsetBytes + last.LengthBytes == offset && last.Start + last.LengthBytes == start)
        {
            _runs[^1] = last with { LengthBytes = last.LengthBytes + length };
        }
        else
        {
            _runs.Add(new Run(offset, length, start, action));
        }
    }

    private static bool IsZero(ReadOnlySpan<byte> data) => !data.ContainsAnyExcept((byte)0);

    // Units are counted from the start of the disk, not of the buffer.
    private static int UnitEnd(int length, int at, int unit, long offset) => (int)Math.Min(length, at + (unit - ((offset + at) % unit)));

    /// <summary>What is to be written.</summary>
    /// <param name="OffsetBytes">Where on the disk.</param>
    /// <param name="LengthBytes">How much.</param>
    /// <param name="Start">Where its bytes are in the buffer, unless they are zeros.</param>
    /// <param name="Action">Copy or zero.</param>
    private readonly record struct Run(long OffsetBytes, long LengthBytes, int Start, CopyAction Action);
}
