using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Traps;

/// <summary>
/// A second, read-only reader of QED files: what the bytes of a file say by the specification, without a line of the code that is tested.
/// Nothing is cached, so that it always tells what the file holds now.
/// </summary>
internal sealed class QedBytes(SimulatedFile file)
{
    public long ClusterBytes => UInt32(4);

    public long TableClusters => UInt32(8);

    public long HeaderClusters => UInt32(12);

    public ulong Features => UInt64(16);

    public ulong Compat => UInt64(24);

    public ulong Autoclear => UInt64(32);

    public long L1Offset => (long)UInt64(40);

    public long SizeBytes => (long)UInt64(48);

    public long NameOffset => UInt32(56);

    public long NameBytes => UInt32(60);

    public long EntriesPerTable => ClusterBytes * TableClusters / 8;

    public byte[] Name => file.ReadBytes(NameOffset, (int)NameBytes);

    /// <summary>Where the header area and a table at its usual place behind it end.</summary>
    public long L1End => L1Offset + (ClusterBytes * TableClusters);

    public ulong L1(long index) => UInt64(L1Offset + (index * 8));

    /// <summary>The L2 entry of a cluster of the disk; 0 where there is no table.</summary>
    public ulong Entry(long cluster)
    {
        ulong table = L1(cluster / EntriesPerTable);
        return table == 0 ? 0 : UInt64((long)table + (cluster % EntriesPerTable * 8));
    }

    /// <summary>The disk's content, the parent's bytes included; null in place of a cluster that has an impossible entry.</summary>
    public byte[]?[] ReadClusters(byte[]? parent = null)
    {
        long size = SizeBytes;
        long cluster = ClusterBytes;
        var clusters = new byte[]?[(size + cluster - 1) / cluster];
        for (long i = 0; i < clusters.Length; i++)
        {
            byte[] content = new byte[Math.Min(cluster, size - (i * cluster))];
            ulong entry = Entry(i);
            if (entry == 0 && parent is not null && i * cluster < parent.Length)
            {
                parent.AsSpan((int)(i * cluster), (int)Math.Min(content.Length, parent.Length - (i * cluster))).CopyTo(content);
            }
            else if (entry > 1)
            {
                bool isPossible = entry % (ulong)cluster == 0 && entry <= long.MaxValue && (long)entry + cluster <= file.LengthBytes;
                content = isPossible ? file.ReadBytes((long)entry, content.Length) : null!;
            }

            clusters[i] = content;
        }

        return clusters;
    }

    private uint UInt32(long offset) => BinaryPrimitives.ReadUInt32LittleEndian(file.ReadBytes(offset, 4));

    private ulong UInt64(long offset) => BinaryPrimitives.ReadUInt64LittleEndian(file.ReadBytes(offset, 8));
}
