using System.Buffers;
using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>Finds where two disks differ. What both say is zero, or lies in one place of one file, is not read. Beyond its end a disk counts as zero.</summary>
internal sealed class DiskComparer(VirtualDisk first, VirtualDisk second, IProgress<OperationProgress>? progress)
{
    private const int PieceBytes = 256 << 10;

    // Finding the runs is one worker's at a time: the others must have something to do meanwhile, and a difference at the start is to be found at the start.
    private const int TakenBytes = 8 * PieceBytes;
    private const int TakenPieces = 64;
    private const int SectorBytes = 512;
    private const int MaxWorkers = 4;

    private readonly long _lengthBytes = Math.Max(first.LengthBytes, second.LengthBytes);
    private readonly Lock _lock = new();
    private long? _difference;
    private long _reportedBytes;

    private CopyPlan Plan => new(first, second, PieceBytes, writesZeros: false) { LengthBytes = _lengthBytes, CutsZeros = true };

    /// <summary>The offset of the first byte that differs, or null.</summary>
    public async ValueTask<long?> FindFirstAsync(CancellationToken cancellationToken)
    {
        var workers = new CompareWorker[Math.Clamp(Environment.ProcessorCount, 1, MaxWorkers)];
        try
        {
            for (int i = 0; i < workers.Length; i++)
            {
                workers[i] = new CompareWorker(this);
            }

            await PieceWorkers<CopyPiece>.RunAsync(Plan.PiecesAsync(cancellationToken), workers, isOrdered: false, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            foreach (CompareWorker? worker in workers)
            {
                worker?.Dispose();
            }
        }

        if (_difference is null)
        {
            progress?.Report(new OperationProgress(_lengthBytes, _lengthBytes, "comparing"));
        }

        return _difference;
    }

    /// <summary>All ranges that differ, in sectors.</summary>
    public async IAsyncEnumerable<DiskRange> FindAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using IMemoryOwner<byte> firstBytes = MemoryPool<byte>.Shared.Rent(PieceBytes);
        using IMemoryOwner<byte> secondBytes = MemoryPool<byte>.Shared.Rent(PieceBytes);
        DiskRange waiting = default;
        await foreach (CopyPiece piece in Plan.PiecesAsync(cancellationToken).ConfigureAwait(false))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Memory<byte> a = firstBytes.Memory[..(int)piece.LengthBytes];
            Memory<byte> b = secondBytes.Memory[..(int)piece.LengthBytes];
            ValueTask reading = ReadAsync(first, piece.OffsetBytes, a, cancellationToken);
            try
            {
                await ReadAsync(second, piece.OffsetBytes, b, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                // The buffer is the request's until it has ended.
                await reading.ConfigureAwait(false);
            }

            for (int at = 0; FindSectors(a.Span, b.Span, ref at, out int length);)
            {
                var found = new DiskRange(piece.OffsetBytes + at - length, length);
                if (waiting.EndBytes == found.OffsetBytes && waiting.LengthBytes > 0)
                {
                    waiting = waiting with { LengthBytes = waiting.LengthBytes + length };
                    continue;
                }

                if (waiting.LengthBytes > 0)
                {
                    yield return waiting;
                }

                waiting = found;
            }
        }

        if (waiting.LengthBytes > 0)
        {
            yield return waiting;
        }
    }

    /// <summary>The next sectors at or behind a place that differ; the place is then behind them.</summary>
    private static bool FindSectors(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ref int at, out int length)
    {
        length = 0;
        int start = at + a[at..].CommonPrefixLength(b[at..]);
        if (start == a.Length)
        {
            return false;
        }

        start -= start % SectorBytes;
        int end = start;
        do
        {
            end = Math.Min(a.Length, end + SectorBytes);
        }
        while (end < a.Length && !a.Slice(end, Math.Min(SectorBytes, a.Length - end)).SequenceEqual(b.Slice(end, Math.Min(SectorBytes, b.Length - end))));

        at = end;
        length = end - start;
        return true;
    }

    private static ValueTask ReadAsync(VirtualDisk disk, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int inside = (int)Math.Clamp(disk.LengthBytes - offset, 0, buffer.Length);
        buffer.Span[inside..].Clear();
        return inside == 0 ? default : disk.ReadAsync(offset, buffer[..inside], cancellationToken);
    }

    /// <summary>Reads and compares pieces, one after the other.</summary>
    private sealed class CompareWorker(DiskComparer job) : IPieceWorker<CopyPiece>, IDisposable
    {
        private readonly byte[] _first = ArrayPool<byte>.Shared.Rent(PieceBytes);
        private readonly byte[] _second = ArrayPool<byte>.Shared.Rent(PieceBytes);
        private readonly List<CopyPiece> _pieces = [];
        private long _takenBytes;
        private long? _difference;

        public bool TryTake(CopyPiece piece)
        {
            if (_takenBytes >= TakenBytes || _pieces.Count == TakenPieces)
            {
                return false;
            }

            _pieces.Add(piece);
            _takenBytes += piece.LengthBytes;
            return true;
        }

        public ValueTask PrepareAsync(CancellationToken cancellationToken)
        {
            foreach (CopyPiece piece in _pieces)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int same = Compare(piece);
                if (same < piece.LengthBytes)
                {
                    _difference = piece.OffsetBytes + same;
                    break;
                }
            }

            return default;
        }

        public ValueTask<bool> FinishAsync(CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            bool goesOn = job.Note(_pieces[^1].EndBytes, _difference);
            _pieces.Clear();
            _takenBytes = 0;
            return new ValueTask<bool>(goesOn);
        }

        public void Dispose()
        {
            ArrayPool<byte>.Shared.Return(_first);
            ArrayPool<byte>.Shared.Return(_second);
        }

        private int Compare(in CopyPiece piece)
        {
            int length = (int)piece.LengthBytes;
            return piece.Action switch
            {
                CopyAction.Zero => CountZeros(job.Second, piece.OffsetBytes, _second.AsSpan(0, length)),
                CopyAction.Copy => CountZeros(job.First, piece.OffsetBytes, _first.AsSpan(0, length)),
                _ => CountSame(piece.OffsetBytes, length),
            };
        }

        private int CountSame(long offset, int length)
        {
            Span<byte> a = _first.AsSpan(0, length);
            Span<byte> b = _second.AsSpan(0, length);
            DiskCopier.ReadOrZero(job.First, offset, a);
            DiskCopier.ReadOrZero(job.Second, offset, b);
            return a.CommonPrefixLength(b);
        }

        private static int CountZeros(VirtualDisk disk, long offset, Span<byte> buffer)
        {
            DiskCopier.ReadOrZero(disk, offset, buffer);
            int at = buffer.IndexOfAnyExcept((byte)0);
            return at < 0 ? buffer.Length : at;
        }
    }

    private VirtualDisk First => first;

    private VirtualDisk Second => second;

    /// <summary>Some pieces were compared. Pieces before them may still be under way, so that the lowest difference counts; behind one nothing is taken any more.</summary>
    private bool Note(long endBytes, long? difference)
    {
        lock (_lock)
        {
            _difference = difference < (_difference ?? long.MaxValue) ? difference : _difference;
            if (endBytes > _reportedBytes)
            {
                _reportedBytes = endBytes;
                progress?.Report(new OperationProgress(endBytes, _lengthBytes, "comparing"));
            }

            return _difference is null;
        }
    }
}
