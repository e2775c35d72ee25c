using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>Cuts what a conversion has to do into pieces, in the order of the disk. What reads zero on both sides, or lies in the same place, is left out.</summary>
/// <param name="source">What is copied.</param>
/// <param name="beneath">What the target reads where nothing is written; null: zeros.</param>
/// <param name="pieceBytes">The longest piece to be copied; pieces end at its multiples.</param>
/// <param name="writesZeros">What reads zero in the source is made so, because it is not known what the target holds.</param>
internal sealed class CopyPlan(VirtualDisk source, VirtualDisk? beneath, int pieceBytes, bool writesZeros)
{
    /// <summary>How much of the disk is gone through. Beyond its end each disk reads zero.</summary>
    public long LengthBytes { get; init; } = source.LengthBytes;

    /// <summary>Copies one level as it is: its zeros are made zeros, and what is free in it stays free.</summary>
    public bool KeepsFree { get; init; }

    /// <summary>Copies everything, whatever either side reads: all of the target gets a place.</summary>
    public bool CopiesAll { get; init; }

    /// <summary>Whether pieces of zeros are no longer than others.</summary>
    public bool CutsZeros { get; init; }

    /// <summary>The pieces.</summary>
    public async IAsyncEnumerable<CopyPiece> PiecesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        CopyPiece waiting = default;
        await foreach (CopyPiece run in RunsAsync(cancellationToken).ConfigureAwait(false))
        {
            CopyPiece rest = run;
            while (rest.LengthBytes > 0)
            {
                if (waiting.LengthBytes == 0)
                {
                    (waiting, rest) = Cut(rest);
                }
                else if (CanJoin(waiting, rest, out long room))
                {
                    long taken = Math.Min(room, rest.LengthBytes);
                    waiting = new CopyPiece(waiting.OffsetBytes, waiting.LengthBytes + taken, rest.Action > waiting.Action ? rest.Action : waiting.Action);
                    rest = rest with { OffsetBytes = rest.OffsetBytes + taken, LengthBytes = rest.LengthBytes - taken };
                }
                else
                {
                    yield return waiting;
                    waiting = default;
                }
            }
        }

        if (waiting.LengthBytes > 0)
        {
            yield return waiting;
        }
    }

    /// <summary>As long as what is to be done stays the same; without what there is nothing to do for.</summary>
    public async IAsyncEnumerable<CopyPiece> RunsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        long length = LengthBytes;
        var from = new ExtentCursor(source, cancellationToken);
        await using (from.ConfigureAwait(false))
        {
            var below = new ExtentCursor(beneath, cancellationToken);
            await using (below.ConfigureAwait(false))
            {
                for (long offset = 0; offset < length;)
                {
                    (DiskExtent extent, DiskExtent other) = await ExtentCursor.FindBothAsync(from, below, offset).ConfigureAwait(false);
                    long end = Math.Min(length, Math.Min(extent.EndBytes, other.EndBytes));
                    CopyAction action = CopiesAll ? CopyAction.Copy : KeepsFree ? AsItIs(extent.Kind) : Decide(extent, other, offset);
                    if (action != CopyAction.None)
                    {
                        yield return new CopyPiece(offset, end - offset, action);
                    }

                    offset = end;
                }
            }
        }
    }

    private static CopyAction AsItIs(ExtentKind kind) => kind switch
    {
        ExtentKind.Free => CopyAction.None,
        ExtentKind.Zero => CopyAction.Zero,
        _ => CopyAction.Copy,
    };

    private CopyAction Decide(in DiskExtent extent, in DiskExtent other, long offset) => (extent.ReadsZero, other.ReadsZero) switch
    {
        (true, true) => writesZeros ? CopyAction.Zero : CopyAction.None,
        (true, false) => CopyAction.Zero,
        (false, true) => CopyAction.Copy,
        _ => SamePlace.Are(source, extent, beneath!, other, offset) ? CopyAction.None : CopyAction.CopyDifferences,
    };

    private (CopyPiece First, CopyPiece Remaining) Cut(in CopyPiece run)
    {
        long length = run.Action == CopyAction.Zero && !CutsZeros ? run.LengthBytes : Math.Min(run.LengthBytes, pieceBytes - (run.OffsetBytes % pieceBytes));
        return (run with { LengthBytes = length }, run with { OffsetBytes = run.OffsetBytes + length, LengthBytes = run.LengthBytes - length });
    }

    private bool CanJoin(in CopyPiece piece, in CopyPiece run, out long room)
    {
        room = 0;
        if (piece.EndBytes != run.OffsetBytes)
        {
            return false;
        }

        if (piece.Action == CopyAction.Zero || run.Action == CopyAction.Zero)
        {
            room = piece.Action != run.Action ? 0 : CutsZeros ? RoomIn(piece) : long.MaxValue;
            return room > 0;
        }

        room = RoomIn(piece);
        return room > 0;
    }

    private long RoomIn(in CopyPiece piece) => pieceBytes - (piece.OffsetBytes % pieceBytes) - piece.LengthBytes;
}
