using System.Buffers;
using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>The bytes of one piece of a pull, and what of them is to be written. Reused from piece to piece.</summary>
internal sealed class PullBuffer : IDisposable
{
    private const int MinUnitBytes = 4096;

    private readonly byte[] _bytes;
    private readonly int _unit;
    private readonly List<Run> _runs = [];

    /// <param name="sizeBytes">Whole blocks.</param>
    /// <param name="blockBytes">Of the image that is written to.</param>
    public PullBuffer(int sizeBytes, int blockBytes)
    {
        _bytes = ArrayPool<byte>.Shared.Rent(sizeBytes);
        _unit = (int)Generation.RoundUp(Math.Max(blockBytes, MinUnitBytes), blockBytes);
    }

    /// <summary>What is to be written, in order.</summary>
    public IReadOnlyList<Run> Runs => _runs;

    public void Dispose() => ArrayPool<byte>.Shared.Return(_bytes);

    public Memory<byte> At(int start, int lengthBytes) => _bytes.AsMemory(start, lengthBytes);

    /// <summary>
    /// Reads a piece of the old view, zeros beyond the disk's end, and finds out in which of its blocks the new view reads otherwise.
    /// </summary>
    /// <param name="piece">The piece.</param>
    /// <param name="lengthBytes">Its length in whole blocks.</param>
    /// <param name="before">The old view.</param>
    /// <param name="after">The new view.</param>
    /// <param name="other">As large as this one, for a piece where the new view has to be read.</param>
    /// <param name="cancellationToken">Cancels.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask FillAsync(PullPiece piece, int lengthBytes, ChainView before, ChainView after, PullBuffer? other, CancellationToken cancellationToken)
    {
        int inside = (int)piece.LengthBytes;
        _bytes.AsSpan(inside, lengthBytes - inside).Clear();
        await before.ReadAsync(piece.OffsetBytes, _bytes.AsMemory(0, inside), cancellationToken).ConfigureAwait(false);
        if (piece.IsOverData)
        {
            other!._bytes.AsSpan(inside, lengthBytes - inside).Clear();
            await after.ReadAsync(piece.OffsetBytes, other._bytes.AsMemory(0, inside), cancellationToken).ConfigureAwait(false);
        }

        _runs.Clear();
        for (int at = 0; at < lengthBytes; at += _unit)
        {
            int length = Math.Min(_unit, lengthBytes - at);
            ReadOnlySpan<byte> bytes = _bytes.AsSpan(at, length);
            bool isZero = !bytes.ContainsAnyExcept((byte)0);
            if (piece.IsOverData ? !bytes.SequenceEqual(other!._bytes.AsSpan(at, length)) : !isZero)
            {
                Add(new Run(at, length, isZero));
            }
        }
    }

    private void Add(Run run)
    {
        if (_runs.Count > 0 && _runs[^1] is { } last && last.Start + last.LengthBytes == run.Start && last.IsZero == run.IsZero)
        {
            _runs[^1] = last with { LengthBytes = last.LengthBytes + run.LengthBytes };
        }
        else
        {
            _runs.Add(run);
        }
    }

    /// <summary>A run of blocks in the buffer that the level has to hold itself.</summary>
    public readonly record struct Run(int Start, int LengthBytes, bool IsZero);
}
