using System.Buffers.Binary;
using System.Numerics;

namespace QedVd.Bench.Peers;

/// <summary>
/// Writes a QED image with every cluster allocated, or as many under each table, whose tables are real and whose data lies in a hole of the file:
/// a terabyte costs 128 MiB.
/// </summary>
internal static class TableImage
{
    public static void Write(string path, long virtualSizeBytes, int clusterBytes = 65536, int tableClusters = 4, int clustersPerTable = int.MaxValue, bool isScattered = false)
    {
        int tableBytes = clusterBytes * tableClusters;
        int entries = tableBytes / sizeof(ulong);
        long clusters = (virtualSizeBytes + clusterBytes - 1) / clusterBytes;
        int tables = checked((int)((clusters + entries - 1) / entries));
        long firstTable = clusterBytes + tableBytes;
        long data = firstTable + ((long)tables * tableBytes);

        using FileStream file = new(path, FileMode.Create, FileAccess.Write);
        long used = (long)tables * Math.Min(entries, clustersPerTable);
        long allocated = Math.Min(clusters, used);
        file.SetLength(data + (allocated * clusterBytes));
        byte[] header = new byte[64];
        "QED\0"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), clusterBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), tableClusters);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), 1);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), clusterBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), virtualSizeBytes);
        file.Write(header);

        byte[] table = new byte[tableBytes];
        for (int i = 0; i < tables; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(table.AsSpan(i * sizeof(ulong)), firstTable + ((long)i * tableBytes));
        }

        file.Position = clusterBytes;
        file.Write(table);

        // A stride that shares no factor with the number of clusters visits each once, never the next one.
        long stride = isScattered ? (allocated / 2) + 2001 : 1;
        while (isScattered && BigInteger.GreatestCommonDivisor(stride, allocated) != 1)
        {
            stride++;
        }

        long cluster = 0;
        for (int t = 0; t < tables; t++)
        {
            Array.Clear(table);
            for (int i = 0; i < Math.Min(entries, clustersPerTable) && cluster < allocated; i++, cluster++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(table.AsSpan(i * sizeof(ulong)), data + (cluster * stride % allocated * clusterBytes));
            }

            file.Position = firstTable + ((long)t * tableBytes);
            file.Write(table);
        }
    }
}
