using System.Buffers;
using System.Runtime.InteropServices;

namespace QedVd.Host;

/// <summary>Copies pieces of a disk, in buffers that are used again for each.</summary>
internal sealed class DiskCopyWorker : IPieceWorker<CopyPiece>, IDisposable
{
    private readonly DiskCopier _job;
    private readonly byte[] _data;
    private readonly byte[]? _beneath;
    private readonly List<(int EndBytes, CopyAction Action)> _runs = [];
    private int _sharedBytes;

    public DiskCopyWorker(DiskCopier job)
    {
        _job = job;
        _data = ArrayPool<byte>.Shared.Rent(job.PieceBytes);
        _beneath = job.Beneath is null ? null : ArrayPool<byte>.Shared.Rent(job.PieceBytes);
    }

    /// <summary>Reads, and finds out what of it has to be written.</summary>
    public async ValueTask PrepareAsync(CopyPiece piece, CancellationToken cancellationToken)
    {
        _runs.Clear();
        _sharedBytes = 0;
        if (piece.Action == CopyAction.Zero)
        {
            return;
        }

        int length = (int)piece.LengthBytes;
        if (_job.Limiter is { } limiter)
        {
            await limiter.WaitAsync<AsyncIo>(length, cancellationToken).ConfigureAwait(false);
        }

        if (piece.Action == CopyAction.Copy && _job.TryShare(piece.OffsetBytes, length))
        {
            _sharedBytes = length;
            return;
        }

        // On the worker's own thread: a hop for each piece would cost more than it gains.
        _job.Source.Read(piece.OffsetBytes, _data.AsSpan(0, length));
        if (piece.Action == CopyAction.CopyDifferences)
        {
            FindDifferences(piece.OffsetBytes, length);
        }
        else
        {
            FindData(piece.OffsetBytes, length);
        }
    }

    /// <summary>Writes.</summary>
    public ValueTask<bool> FinishAsync(CopyPiece piece, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (piece.Action == CopyAction.Zero)
        {
            _job.Target.WriteZeroes(piece.OffsetBytes, piece.LengthBytes, WriteFlags.MayUnmap);
        }

        int start = 0;
        long copied = _sharedBytes;
        foreach ((int end, CopyAction action) in CollectionsMarshal.AsSpan(_runs))
        {
            if (action == CopyAction.Copy)
            {
                _job.Target.Write(piece.OffsetBytes + start, _data.AsSpan(start, end - start));
                copied += end - start;
            }
            else if (action == CopyAction.Zero)
            {
                _job.Target.WriteZeroes(piece.OffsetBytes + start, end - start, WriteFlags.MayUnmap);
            }

            start = end;
        }

        _job.Note(piece, copied);
        return new ValueTask<bool>(true);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_data);
        if (_beneath is not null)
        {
            ArrayPool<byte>.Shared.Return(_beneath);
        }
    }

    // Where the target reads zero already, zeros in the data are left out; else they are made.
    private void FindData(long offset, int length)
    {
        int unit = _job.ZeroBlockBytes == 0 ? length : _job.ZeroBlockBytes;
        CopyAction whenZero = _job.WritesZeros ? CopyAction.Zero : CopyAction.None;
        for (int at = 0; at < length;)
        {
            int end = UnitEnd(length, at, unit, offset);
            Add(end, _job.ZeroBlockBytes != 0 && IsZero(_data.AsSpan(at, end - at)) ? whenZero : CopyAction.Copy);
            at = end;
        }
    }

    // By whole blocks: of a block that differs anywhere the target stores all.
    private void FindDifferences(long offset, int length)
    {
        DiskCopier.ReadOrZero(_job.Beneath!, offset, _beneath.AsSpan(0, length));
        int unit = Math.Min(_job.PieceBytes, _job.TargetBlockBytes);
        for (int at = 0; at < length;)
        {
            int end = UnitEnd(length, at, unit, offset);
            ReadOnlySpan<byte> data = _data.AsSpan(at, end - at);
            bool isSame = data.SequenceEqual(_beneath.AsSpan(at, end - at));
            Add(end, isSame ? CopyAction.None : IsZero(data) ? CopyAction.Zero : CopyAction.Copy);
            at = end;
        }
    }

    private void Add(int end, CopyAction action)
    {
        if (_runs.Count > 0 && _runs[^1].Action == action)
        {
            _runs[^1] = (end, action);
        }
        else
        {
            _runs.Add((end, action));
        }
    }

    private static bool IsZero(ReadOnlySpan<byte> data) => !data.ContainsAnyExcept((byte)0);

    // Units are counted from the start of the disk, not of the buffer.
    private static int UnitEnd(int length, int at, int unit, long offset) => (int)Math.Min(length, at + (unit - ((offset + at) % unit)));
}
