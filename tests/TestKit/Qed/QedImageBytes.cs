using System.Buffers.Binary;

namespace QedVd.TestKit;

/// <summary>An image laid down cluster by cluster and entry by entry, sound or not, in a simulated file.</summary>
public sealed class QedImageBytes
{
    /// <summary>The header, an empty L1, and nothing behind it.</summary>
    public QedImageBytes(QedHeaderBytes? header = null, StorageFacts facts = SimulatedFile.GoodFacts)
    {
        Header = header ?? new QedHeaderBytes();
        File = new SimulatedFile("a.qed", facts);
        File.Poke(0, Header.ToArray());
        SetClusters((Header.FileLength + Header.ClusterSize - 1) / Header.ClusterSize);
    }

    /// <summary>As last set.</summary>
    public QedHeaderBytes Header { get; private set; }

    /// <summary>Where the bytes are.</summary>
    public SimulatedFile File { get; private set; }

    /// <summary>By the header.</summary>
    public long ClusterBytes => Header.ClusterSize;

    /// <summary>The number of the first cluster behind L1.</summary>
    public long FirstFree => Header.FileLength / ClusterBytes;

    /// <summary>Makes the file this many clusters long.</summary>
    public QedImageBytes SetClusters(long count)
    {
        if (count * ClusterBytes > File.LengthBytes)
        {
            File.Poke((count * ClusterBytes) - 1, [0]);
        }

        return this;
    }

    /// <summary>Replaces the header.</summary>
    public QedImageBytes SetHeader(Func<QedHeaderBytes, QedHeaderBytes> change)
    {
        Header = change(Header);
        File.Poke(0, Header.ToArray());
        return this;
    }

    /// <summary>Sets an L1 entry.</summary>
    public QedImageBytes SetL1(int index, ulong value) => SetEntry((long)Header.L1Offset, index, value);

    /// <summary>Sets an entry of the L2 table that starts at a cluster.</summary>
    public QedImageBytes SetL2(long tableCluster, int index, ulong value) => SetEntry(tableCluster * ClusterBytes, index, value);

    /// <summary>The byte offset of a cluster, as an entry has it.</summary>
    public ulong At(long cluster) => (ulong)(cluster * ClusterBytes);

    /// <summary>
    /// Room for an L2 table (two clusters, linked by L1 entry 0) and three data clusters behind it, linked by its first entries; no leaks.
    /// </summary>
    public QedImageBytes AddUsualTable()
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

    /// <summary>Names a parent: the bytes at an offset (right behind the header unless told), and the header says so.</summary>
    public QedImageBytes SetParent(ReadOnlySpan<byte> name, bool isRaw = false, uint offset = 64)
    {
        int length = name.Length;
        File.Poke(offset, name);
        return SetHeader(header => header with { Features = header.Features | (isRaw ? 5UL : 1UL), NameOffset = offset, NameSize = (uint)length });
    }

    /// <summary>Fills a cluster with a byte.</summary>
    public QedImageBytes Fill(long cluster, byte value)
    {
        byte[] bytes = new byte[ClusterBytes];
        bytes.AsSpan().Fill(value);
        File.Poke(cluster * ClusterBytes, bytes);
        return this;
    }

    /// <summary>Cuts the file, or makes it longer.</summary>
    public QedImageBytes SetLength(long lengthBytes)
    {
        using SimulatedStorage storage = File.Open();
        storage.SetLength(lengthBytes);
        storage.Barrier();
        return this;
    }

    private QedImageBytes SetEntry(long table, int index, ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        File.Poke(table + (index * 8L), bytes);
        return this;
    }
}
