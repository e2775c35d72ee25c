using System.Buffers;

namespace QedVd.Host;

/// <summary>The pieces that a worker has taken, as many as fill a buffer, and the buffer, which is there once it is asked for.</summary>
/// <typeparam name="TPiece">What a plan consists of.</typeparam>
/// <param name="roomBytes">How much fits into the buffer.</param>
internal sealed class PieceBatch<TPiece>(int roomBytes) : IDisposable
{
    // More would let what is written first wait for what is read last.
    private const int MaxPieces = 64;

    private readonly List<TPiece> _pieces = [];
    private byte[]? _data;
    private int _takenBytes;

    /// <summary>What was taken, in order.</summary>
    public List<TPiece> Pieces => _pieces;

    /// <summary>The bytes of the pieces, one behind the other.</summary>
    public byte[] Data => _data ??= ArrayPool<byte>.Shared.Rent(roomBytes);

    /// <summary>Takes a piece that needs so much of the buffer; false: there is no room.</summary>
    public bool TryAdd(TPiece piece, int lengthBytes)
    {
        if (_pieces.Count == MaxPieces || lengthBytes > roomBytes - _takenBytes)
        {
            return false;
        }

        _pieces.Add(piece);
        _takenBytes += lengthBytes;
        return true;
    }

    public void Clear()
    {
        _pieces.Clear();
        _takenBytes = 0;
    }

    public void Dispose()
    {
        if (_data is not null)
        {
            ArrayPool<byte>.Shared.Return(_data);
            _data = null;
        }
    }
}
