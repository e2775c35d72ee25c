using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Format;

/// <summary>An image laid down cluster by cluster and entry by entry, sound or not, in a simulated file.</summary>
internal sealed class ImageBytes
{
    public ImageBytes(HeaderBytes? header = null, StorageFacts facts = SimulatedFile.GoodFacts)
    {
        Header = header ?? new HeaderBytes();
        File = new SimulatedFile("a.qed", facts);
        File.Poke(0, Header.ToArray());
        SetClusters((Header.FileLength + Header.ClusterSize - 1) / Header.ClusterSize);
    }

    public HeaderBytes Header { get; private set; }

    public SimulatedFile File { get; private set; }

    public long ClusterBytes => Header.ClusterSize;

    /// <summary>The number of the first cluster behind L1.</summary>
    public long FirstFree => Header.FileLength / ClusterBytes;

    /// <summary>Makes the file this many clusters long.</summary>
    public ImageBytes SetClusters(long count)
    {
        if (count * ClusterBytes > File.LengthBytes)
        {
            File.Poke((count * ClusterBytes) - 1, [0]);
        }

        return this;
    }

    /// <summary>Replaces the header.</summary>
    public ImageBytes SetHeader(Func<HeaderBytes, HeaderBytes> change)
    {
        Header = change(Header);
        File.Poke(0, Header.ToArray());
        return this;
    }

    /// <summary>Sets an L1 entry.</summary>
    public ImageBytes SetL1(int index, ulong value) => SetEntry((long)Header.L1Offset, index, value);

    /// <summary>Sets an entry of the L2 table that starts at a cluster.</summary>
    public ImageBytes SetL2(long tableCluster, int index, ulong value) => SetEntry(tableCluster * ClusterBytes, index, value);

    /// <summary>The byte offset of a cluster, as an entry has it.</summary>
    public ulong At(long cluster) => (ulong)(cluster * ClusterBytes);

    /// <summary>
    /// Room for an L2 table (two clusters, linked by L1 entry 0) and three data clusters behind it, linked by its first entries; no leaks.
    /// </summary>
    public ImageBytes AddUsualTable()
    {
        long table = FirstFree;
        SetClusters(table + Header.TableSize + 3);
        SetL1(0, At(table));
        for (int i = 0; i < 3; i++)
        {
            SetL2(table, i, At(table + Header.TableSize + i));
        }

        return this;
    }

    private ImageBytes SetEntry(long table, int index, ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        File.Poke(table + (index * 8L), bytes);
        return this;
    }
}
