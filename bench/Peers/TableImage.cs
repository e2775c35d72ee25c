using System.Buffers.Binary;

namespace QedVd.Bench.Peers;

/// <summary>
/// Writes a QED image with every cluster allocated, whose tables are real and whose data lies in a hole of the file:
/// a terabyte costs 128 MiB.
/// </summary>
internal static class TableImage
{
    public static void Write(string path, long virtualSizeBytes, int clusterBytes = 65536, int tableClusters = 4)
    {
        int tableBytes = clusterBytes * tableClusters;
        int entries = tableBytes / sizeof(ulong);
        long clusters = (virtualSizeBytes + clusterBytes - 1) / clusterBytes;
        int tables = checked((int)((clusters + entries - 1) / entries));
        long firstTable = clusterBytes + tableBytes;
        long data = firstTable + ((long)tables * tableBytes);

        using FileStream file = new(path, FileMode.Create, FileAccess.Write);
        file.SetLength(data + (clusters * clusterBytes));
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

        long cluster = 0;
        for (int t = 0; t < tables; t++)
        {
            Array.Clear(table);
            for (int i = 0; i < entries && cluster < clusters; i++, cluster++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(table.AsSpan(i * sizeof(ulong)), data + (cluster * clusterBytes));
            }

            file.Position = firstTable + ((long)t * tableBytes);
            file.Write(table);
        }
    }
}
