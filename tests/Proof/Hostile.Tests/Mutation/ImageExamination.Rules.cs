using System.Buffers.Binary;
using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <content>What an image may cost, and how answers are held against each other.</content>
internal sealed partial class ImageExamination
{
    /// <summary>For opening for information, and a dump, which goes through L1 in pieces of 256 KiB.</summary>
    private const long BytesAllowedToOpen = 2 << 20;

    private const int CheapTableBytes = 64 << 10;
    private const long LargestTableBytes = 16 << 20;

    /// <summary>
    /// For everything together: what the copies of the file take in the simulation, the buffers of a dozen walks through tables, the texts of a thousand
    /// findings each, something for each cluster that is asked for, and tables that are moved on a storage without holes, where the simulation keeps all of them.
    /// </summary>
    private long BytesAllowed => (64L << 20) + (16 * _recipe.WrittenBytes) + (8192L * _places.Length) + (16 * Math.Min(TableBytesOf(_file), LargestTableBytes));

    /// <summary>What the storage may be asked for one image, all in all.</summary>
    private const long OperationsAllowed = 200_000;

    /// <summary>Adds what this thread has taken of memory since the last call; of what went on on another thread nothing is known.</summary>
    private void Measure()
    {
        long now = GC.GetAllocatedBytesForCurrentThread();
        _allocated += _thread == Environment.CurrentManagedThreadId ? now - _measured : 0;
        (_measured, _thread) = (now, Environment.CurrentManagedThreadId);
    }

    private BudgetStorage Storage(bool readOnly) => new(_file, _budget, readOnly);

    private void Settle(BudgetStorage storage) => _budget -= storage.Used;

    private ImageOpenOptions Options(ImageOpenFlags flags) => new() { Flags = flags, Tables = _pool, Time = new FakeTime() };

    private static PlainQed PlainOf(SimulatedFile file) => PlainQed.Open(
        file.LengthBytes,
        (offset, buffer) =>
        {
            byte[] bytes = file.ReadBytes(offset, (int)Math.Clamp(file.LengthBytes - offset, 0, buffer.Length));
            bytes.CopyTo(buffer);
            return bytes.Length;
        });

    /// <summary>Whether the plain reader's check, which looks at every entry, takes no time.</summary>
    private static bool IsCheap(SimulatedFile file) => TableBytesOf(file) <= CheapTableBytes && file.LengthBytes < 1L << 32;

    private static long TableBytesOf(SimulatedFile file)
    {
        byte[] header = file.ReadBytes(0, 12);
        return (long)BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)) * BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
    }

    /// <summary>The clusters of the file that entries of L1 claim for tables.</summary>
    private HashSet<long> TableClusters()
    {
        byte[] header = _file.ReadBytes(0, 64);
        long cluster = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4));
        uint table = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
        HashSet<long> clusters = [];
        foreach (ulong entry in DiskPlaces.L1EntriesOf(_recipe, _file).Select(entry => entry.Value))
        {
            for (uint i = 0; entry > 1 && entry < (ulong)_file.LengthBytes && i < table; i++)
            {
                clusters.Add((long)(entry / (ulong)cluster) + i);
            }
        }

        return clusters;
    }

    /// <summary>
    /// Whether a cluster of the disk leads into an L2 table. The engine answers with an error as soon as it knows of the table, and until then with what is
    /// there; a write through that table changes it.
    /// </summary>
    private static bool IsInTable(PlainQed plain, long place, HashSet<long> tables)
    {
        PlainCluster cluster = plain.At(place * plain.ClusterBytes);
        return cluster.Kind == PlainClusterKind.Data && tables.Contains(cluster.FileOffset / plain.ClusterBytes);
    }

    private static void RequireSame(DiskReading before, DiskReading after, Func<long, ClusterAnswer, ClusterAnswer, bool> mayDiffer, string when)
    {
        if (before.DifferenceTo(after, mayDiffer) is { } difference)
        {
            throw new WrongAnswerException($"{when}: {difference}");
        }
    }

    /// <summary>What a person is told is one line without control characters, whatever the image's bytes.</summary>
    private static void RequireOneLine(string message) =>
        Require(!message.Any(char.IsControl) && !message.Contains('\u202e'), () => $"a message with control characters: {Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(message))}");

    private static void Require(bool isTrue, Func<string> message)
    {
        if (!isTrue)
        {
            throw new WrongAnswerException(message());
        }
    }
}
