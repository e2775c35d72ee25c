using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>Which clusters of a disk are looked at: all of a small one; of others those that the recipe says anything about, their neighbours, the ends and a few more.</summary>
internal static class DiskPlaces
{
    public const int SmallDiskClusters = 512;
    private const int RandomPlaces = 12;

    /// <summary>The numbers of the clusters, sorted.</summary>
    public static long[] Of(ImageRecipe recipe, SimulatedFile file)
    {
        byte[] header = file.ReadBytes(0, 64);
        long cluster = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4));
        long tableBytes = cluster * BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
        long size = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(48));
        long clusters = (size / cluster) + (size % cluster == 0 ? 0 : 1);
        if (clusters <= SmallDiskClusters)
        {
            return [.. Enumerable.Range(0, (int)clusters).Select(number => (long)number)];
        }

        long entries = tableBytes / 8;
        SortedSet<long> places = [0, 1, clusters - 2, clusters - 1];
        Random random = new((int)(size / 512));
        for (int i = 0; i < RandomPlaces; i++)
        {
            places.Add(random.NextInt64(clusters));
        }

        foreach ((long l1Index, ulong table) in L1EntriesOf(recipe, file))
        {
            long first = l1Index * entries;
            AddAround(first);
            AddAround(first + entries - 1);
            if (table > 0 && table < (ulong)file.LengthBytes)
            {
                foreach (long index in IndicesIn(recipe, (long)table, tableBytes))
                {
                    AddAround(first + index);
                }
            }
        }

        return [.. places];

        void AddAround(long place)
        {
            for (long number = place - 1; number <= place + 1; number++)
            {
                if (number >= 0 && number < clusters)
                {
                    places.Add(number);
                }
            }
        }
    }

    /// <summary>Index and value of the L1 entries that the recipe says something about.</summary>
    public static IEnumerable<(long Index, ulong Value)> L1EntriesOf(ImageRecipe recipe, SimulatedFile file)
    {
        byte[] header = file.ReadBytes(0, 64);
        long tableBytes = (long)BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)) * BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
        long l1 = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40));
        return IndicesIn(recipe, l1, tableBytes).Select(index => (index, BinaryPrimitives.ReadUInt64LittleEndian(Fully(file, l1 + (index * 8)))));
    }

    private static IEnumerable<long> IndicesIn(ImageRecipe recipe, long table, long tableBytes) =>
        recipe.Offsets.Where(offset => offset >= table && offset - table < tableBytes).Select(offset => (offset - table) / 8).Distinct();

    private static byte[] Fully(SimulatedFile file, long offset)
    {
        byte[] bytes = new byte[8];
        file.ReadBytes(offset, 8).CopyTo(bytes, 0);
        return bytes;
    }
}
