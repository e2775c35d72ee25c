using System.Buffers.Binary;

namespace QedVd.Bench.Peers;

/// <summary>Writes a QED image of 4 GiB with every cluster mapped, in random order, and half of them holes, as discards leave them.</summary>
internal static class HalfEmptyImage
{
    private const int ClusterBytes = 65536;
    private const int Clusters = 65536;
    private const int TableBytes = 4 * ClusterBytes;
    private const int Tables = 2;

    public static void Write(string path)
    {
        Random random = new(1);
        long[] places = [.. Enumerable.Range(0, Clusters).Select(i => (long)i)];
        random.Shuffle(places);
        long data = ClusterBytes + ((1 + Tables) * TableBytes);

        using FileStream file = new(path, FileMode.Create, FileAccess.Write);
        file.SetLength(data + ((long)Clusters * ClusterBytes));
        byte[] header = new byte[64];
        "QED\0"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), ClusterBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), TableBytes / ClusterBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), 1);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), ClusterBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), (long)Clusters * ClusterBytes);
        file.Write(header);

        byte[] tables = new byte[(1 + Tables) * TableBytes];
        for (int i = 0; i < Tables; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(tables.AsSpan(i * sizeof(long)), ClusterBytes + ((1L + i) * TableBytes));
        }

        for (int i = 0; i < Clusters; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(tables.AsSpan(TableBytes + (i * sizeof(long))), data + (places[i] * ClusterBytes));
        }

        file.Position = ClusterBytes;
        file.Write(tables);

        byte[] cluster = new byte[ClusterBytes];
        random.Shuffle(places);
        foreach (long place in places.Take(Clusters / 2).Order())
        {
            random.NextBytes(cluster);
            file.Position = data + (place * ClusterBytes);
            file.Write(cluster);
        }
    }
}
