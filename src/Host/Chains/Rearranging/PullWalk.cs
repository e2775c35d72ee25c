using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>
/// Finds, from maps alone and in order, what a level has to take in so that it reads the same over other levels: where it is free, and what lies beneath
/// it now may differ from what is going to. What both views have from the same level, and what is zero in both, is equal.
/// </summary>
internal sealed class PullWalk
{
    private const long MaxZeroBytes = 64 << 20;

    private readonly ChainView _before;
    private readonly ChainView _after;
    private readonly ViewCursor _own;
    private readonly ViewCursor _old;
    private readonly ViewCursor _new;
    private readonly int _block;
    private readonly long _end;
    private readonly long _maxDataBytes;

    // What was looked at and did not fit the piece before: the cursors cannot go back.
    private Look? _kept;

    /// <param name="target">The level.</param>
    /// <param name="before">What lies beneath it.</param>
    /// <param name="after">What is going to.</param>
    /// <param name="maxDataBytes">How long a piece of data may be: whole blocks.</param>
    public PullWalk(Level target, ChainView before, ChainView after, long maxDataBytes)
    {
        _end = target.Image.VirtualSizeBytes;
        _block = Math.Max(1, target.Image.Limits.BlockBytes);
        _before = before;
        _after = after;
        _own = new ViewCursor(new ChainView([target]), _end);
        _old = new ViewCursor(before, _end);
        _new = new ViewCursor(after, _end);
        _maxDataBytes = maxDataBytes;
    }

    private enum Finding
    {
        Equal,
        Zero,
        Data,
    }

    /// <summary>Where the walk has come to.</summary>
    public long OffsetBytes { get; private set; }

    /// <summary>The next piece; an empty one at the end, and now and then on the way, so that the caller can say how far it is.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<PullPiece> NextAsync(CancellationToken cancellationToken)
    {
        const int MaxSteps = 4096;
        var piece = new PullPiece(OffsetBytes, OffsetBytes, IsZero: false, IsOverData: false);
        for (int step = 0; OffsetBytes < _end && step < MaxSteps; step++)
        {
            long at = OffsetBytes;
            Look look = _kept ?? await LookAsync(at, cancellationToken).ConfigureAwait(false);
            _kept = null;
            bool isEmpty = piece.LengthBytes == 0;
            bool isZero = look.Finding == Finding.Zero;
            if (!isEmpty && (look.Finding == Finding.Equal || isZero != piece.IsZero))
            {
                _kept = look;
                break;
            }

            if (look.Finding == Finding.Equal)
            {
                OffsetBytes = look.End;
                continue;
            }

            long start = isEmpty ? at : piece.OffsetBytes;
            long most = isZero ? Math.Max(MaxZeroBytes, _block) : _maxDataBytes;
            long end = Math.Min(look.End, start > long.MaxValue - most ? long.MaxValue : start + most);
            piece = new PullPiece(start, end, isZero, piece.IsOverData || look.IsOverData);
            OffsetBytes = end;
            if (end - start == most)
            {
                break;
            }
        }

        return piece.LengthBytes == 0 ? piece with { OffsetBytes = OffsetBytes, EndBytes = OffsetBytes } : piece;
    }

    /// <summary>What is known of the blocks at an offset, which starts one, up to where it changes.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Look> LookAsync(long at, CancellationToken cancellationToken)
    {
        DiskExtent own = await _own.AtAsync(at, cancellationToken).ConfigureAwait(false);
        if (own.Kind != ExtentKind.Free)
        {
            return new Look(RoundUp(own.EndBytes), Finding.Equal, IsOverData: false);
        }

        DiskExtent before = await _old.AtAsync(at, cancellationToken).ConfigureAwait(false);
        DiskExtent after = await _new.AtAsync(at, cancellationToken).ConfigureAwait(false);
        long blockEnd = RoundUp(at + 1);
        long end = Math.Min(RoundUp(own.EndBytes), Math.Min(before.EndBytes, after.EndBytes));
        if (end >= blockEnd)
        {
            end = end == _end ? end : end - (end % _block);
            return new Look(end, !AreDifferent(before, after) ? Finding.Equal : before.ReadsZero ? Finding.Zero : Finding.Data, !after.ReadsZero);
        }

        // Several runs in one block.
        bool isDifferent = false;
        bool isData = false;
        bool isOverData = false;
        while (true)
        {
            isDifferent |= AreDifferent(before, after);
            isData |= !before.ReadsZero;
            isOverData |= !after.ReadsZero;
            end = Math.Min(before.EndBytes, after.EndBytes);
            if (end >= blockEnd)
            {
                return new Look(blockEnd, !isDifferent ? Finding.Equal : isData ? Finding.Data : Finding.Zero, isOverData);
            }

            before = await _old.AtAsync(end, cancellationToken).ConfigureAwait(false);
            after = await _new.AtAsync(end, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool AreDifferent(in DiskExtent before, in DiskExtent after) =>
        !(before.ReadsZero && after.ReadsZero) && (before.ReadsZero || after.ReadsZero || _before.LevelOf(before) != _after.LevelOf(after));

    private long RoundUp(long offset) => Math.Min(_end, Generation.RoundUp(offset, _block));

    private readonly record struct Look(long End, Finding Finding, bool IsOverData);
}
