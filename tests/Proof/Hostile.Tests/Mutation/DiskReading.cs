using System.Numerics;
using System.Runtime.InteropServices;
using QedVd.PlainReader;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>
/// What some clusters of a disk read as. Neighbours are read in one go, so that runs are met; of a large cluster the start, the middle and the end. After so
/// many failures in a row the rest of a run is left out: an entry of L1 that leads nowhere spoils millions of clusters.
/// </summary>
internal sealed class DiskReading
{
    private const int LargeClusterBytes = 65536;
    private const int PieceBytes = 4096;
    private const int MostFailuresInARow = 6;

    private readonly long[] _places;
    private readonly ClusterAnswer[] _answers;

    private DiskReading(long[] places)
    {
        _places = places;
        _answers = new ClusterAnswer[places.Length];
    }

    public IReadOnlyList<long> Places => _places;

    public IReadOnlyList<ClusterAnswer> Answers => _answers;

    /// <summary>Reads with the engine.</summary>
    public static DiskReading Of(IDiskImage image, long[] places, byte[] buffer)
    {
        DiskReading reading = new(places);
        int clusterBytes = image.Limits.BlockBytes;
        bool isOverlay = image.Parent is not null;
        int failures = 0;
        for (int i = 0; i < places.Length; i++)
        {
            failures = i > 0 && places[i] == places[i - 1] + 1 ? failures : 0;
            if (failures >= MostFailuresInARow)
            {
                continue;
            }

            if (clusterBytes <= LargeClusterBytes && i + 1 < places.Length && places[i + 1] == places[i] + 1)
            {
                int count = 1;
                while (i + count < places.Length && places[i + count] == places[i] + count && (count + 1) * clusterBytes <= buffer.Length)
                {
                    count++;
                }

                i += reading.TryReadRun(image, i, count, buffer, isOverlay);
                if (i == places.Length)
                {
                    break;
                }
            }

            reading._answers[i] = ReadCluster(image, places[i] * clusterBytes, clusterBytes, buffer, isOverlay);
            failures = reading._answers[i].Kind == ClusterAnswerKind.Failed ? failures + 1 : 0;
        }

        return reading;
    }

    /// <summary>Reads with the plain reader.</summary>
    public static DiskReading Of(PlainQed image, long[] places, byte[] buffer)
    {
        DiskReading reading = new(places);
        for (int i = 0; i < places.Length; i++)
        {
            long offset = places[i] * image.ClusterBytes;
            PlainClusterKind kind = image.At(offset).Kind;
            reading._answers[i] = kind == PlainClusterKind.Invalid
                ? new ClusterAnswer(ClusterAnswerKind.Failed)
                : Ask(offset, image.ClusterBytes, image.VirtualSizeBytes, buffer, !image.ParentNameBytes.IsEmpty, (at, piece) => ReadPlain(image, kind, at, piece));
        }

        return reading;
    }

    /// <summary>The first cluster that answers otherwise in another reading of the same places, or of the first ones, unless it may; null when there is none.</summary>
    public string? DifferenceTo(DiskReading other, Func<long, ClusterAnswer, ClusterAnswer, bool> mayDiffer)
    {
        for (int i = 0; i < Math.Min(_places.Length, other._places.Length); i++)
        {
            (ClusterAnswer mine, ClusterAnswer theirs) = (_answers[i], other._answers[i]);
            if (mine != theirs && mine.Kind != ClusterAnswerKind.Unasked && theirs.Kind != ClusterAnswerKind.Unasked && !mayDiffer(_places[i], mine, theirs))
            {
                return $"cluster {_places[i]} of the disk: {mine}, then {theirs}";
            }
        }

        return null;
    }

    /// <summary>Reads neighbours together as far as they are data or alike; returns how many were answered.</summary>
    private int TryReadRun(IDiskImage image, int first, int count, byte[] buffer, bool isOverlay)
    {
        int clusterBytes = image.Limits.BlockBytes;
        long offset = _places[first] * clusterBytes;
        int length = (int)Math.Min((long)count * clusterBytes, image.VirtualSizeBytes - offset);
        for (int done = 0; done < length;)
        {
            ReadResult result;
            try
            {
                result = image.Read(offset + done, buffer.AsSpan(done, length - done));
            }
            catch (ImageException)
            {
                return done / clusterBytes;
            }

            if (result.Length <= 0 || result.Length > length - done || (done + result.Length < length && result.Length % clusterBytes != 0))
            {
                throw new WrongAnswerException($"a read of {length - done} bytes at {offset + done} answers {result}");
            }

            for (int at = done; at < done + result.Length; at += clusterBytes)
            {
                _answers[first + (at / clusterBytes)] = result.Kind switch
                {
                    ExtentKind.Free => Free(isOverlay),
                    ExtentKind.Zero => new ClusterAnswer(ClusterAnswerKind.Zero),
                    _ => Answer(Hash(0, buffer.AsSpan(at, Math.Min(clusterBytes, done + result.Length - at)))),
                };
            }

            done += result.Length;
        }

        return count;
    }

    private static ClusterAnswer ReadCluster(IDiskImage image, long offset, int clusterBytes, byte[] buffer, bool isOverlay)
    {
        try
        {
            return Ask(offset, clusterBytes, image.VirtualSizeBytes, buffer, isOverlay, (at, piece) => ReadPiece(image, at, piece));
        }
        catch (ImageException)
        {
            return new ClusterAnswer(ClusterAnswerKind.Failed);
        }
    }

    private static ExtentKind ReadPiece(IDiskImage image, long at, Span<byte> piece)
    {
        ReadResult result = image.Read(at, piece);
        return result.Length == piece.Length ? result.Kind : throw new WrongAnswerException($"a read inside one cluster at {at} ends after {result.Length} of {piece.Length} bytes");
    }

    private static ExtentKind ReadPlain(PlainQed image, PlainClusterKind kind, long at, Span<byte> piece)
    {
        if (kind != PlainClusterKind.Data)
        {
            return kind == PlainClusterKind.Free ? ExtentKind.Free : ExtentKind.Zero;
        }

        int read = image.Read(at, piece);
        return read == piece.Length ? ExtentKind.Data : throw new WrongAnswerException($"the plain reader reads {read} of {piece.Length} bytes at {at}");
    }

    private static ClusterAnswer Ask(long offset, int clusterBytes, long size, byte[] buffer, bool isOverlay, PieceReader read)
    {
        int length = (int)Math.Min(clusterBytes, size - offset);
        ReadOnlySpan<int> starts = clusterBytes <= LargeClusterBytes ? [0] : [0, (clusterBytes / 2) - PieceBytes, clusterBytes - PieceBytes];
        ExtentKind? kind = null;
        ulong hash = 0;
        foreach (int start in starts)
        {
            if (start >= length)
            {
                break;
            }

            Span<byte> piece = buffer.AsSpan(0, Math.Min(clusterBytes <= LargeClusterBytes ? clusterBytes : PieceBytes, length - start));
            ExtentKind now = read(offset + start, piece);

            // A cluster may be data in one piece and a hole in another, but not free in a part.
            if (kind is { } before && (before == ExtentKind.Free) != (now == ExtentKind.Free))
            {
                throw new WrongAnswerException($"the cluster at {offset} is {before} in one part, {now} in another");
            }

            kind = now;
            hash = now == ExtentKind.Data ? Hash(hash, piece) : hash;
        }

        return kind == ExtentKind.Free ? Free(isOverlay) : Answer(hash);
    }

    // Without a parent there is nobody who could tell free from zero.
    private static ClusterAnswer Free(bool isOverlay) => new(isOverlay ? ClusterAnswerKind.Free : ClusterAnswerKind.Zero);

    private static ClusterAnswer Answer(ulong hash) => hash == 0 ? new ClusterAnswer(ClusterAnswerKind.Zero) : new ClusterAnswer(ClusterAnswerKind.Data, hash);

    /// <summary>0 for zeros, so that it does not matter where they come from. Disks consist of whole sectors.</summary>
    private static ulong Hash(ulong hash, ReadOnlySpan<byte> bytes)
    {
        if (!bytes.ContainsAnyExcept((byte)0))
        {
            return hash;
        }

        unchecked
        {
            foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(bytes))
            {
                hash = (BitOperations.RotateLeft(hash, 5) ^ word) * 0x9E3779B97F4A7C15;
            }
        }

        return hash == 0 ? 1 : hash;
    }

    private delegate ExtentKind PieceReader(long at, Span<byte> piece);
}
