using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Compaction;

/// <summary>A random image worth compacting, and what a guest sees in it.</summary>
internal sealed class CompactionImage
{
    private CompactionImage(SimulatedFile file, byte[] content, byte[]? parent)
    {
        File = file;
        Content = content;
        Parent = parent;
    }

    public SimulatedFile File { get; }

    /// <summary>What the disk reads as.</summary>
    public byte[] Content { get; }

    public byte[]? Parent { get; }

    /// <summary>
    /// Clusters in random order, some of them zero, punched or marked as zero, some as the parent has them, tables between them, leaks.
    /// </summary>
    public static CompactionImage Draw(int seed, int clusterBytes, int tableClusters, bool withParent, int clusters, StorageFacts facts = SimulatedFile.GoodFacts)
    {
        Random random = new(seed);
        int size = (clusterBytes * clusters) - (random.Next(2) * 512);
        byte[]? parent = withParent ? new byte[size - (random.Next(4) * clusterBytes) - random.Next(clusterBytes)] : null;
        if (parent is not null)
        {
            for (int at = 0; at < parent.Length; at += clusterBytes)
            {
                if (random.Next(2) == 0)
                {
                    random.NextBytes(parent.AsSpan(at, Math.Min(clusterBytes, parent.Length - at)));
                }
            }
        }

        byte[] content = new byte[size];
        parent?.CopyTo(content, 0);
        SimulatedFile file = Images.Create(size, clusterBytes, tableClusters, withParent, facts);
        file.KeepsTrace = false;
        QedImage image = Open(file, parent);
        int steps = random.Next(1, clusters * 2);
        int from = random.Next(clusters);
        int range = random.Next(2) == 0 ? clusters : Math.Max(1, clusters / 8);
        for (int step = 0; step < steps; step++)
        {
            int offset = (from + random.Next(range)) % clusters * clusterBytes;
            int length = Math.Min(clusterBytes * (random.Next(4) == 0 ? 1 + random.Next(6) : 1), size - offset);
            switch (random.Next(12))
            {
                case < 6:
                    byte[] data = new byte[length];
                    random.NextBytes(data);
                    if (random.Next(3) == 0)
                    {
                        // Zeros in the middle of a cluster stay a hole.
                        data.AsSpan(length / 4, length / 2).Clear();
                    }

                    Write(offset, data);
                    break;
                case < 8:
                    Write(offset, new byte[length]);
                    break;
                case 8:
                    Write(offset, content[offset..(offset + length)]);
                    break;
                case 9:
                    GuestDisk.WriteZeroes(image, offset, length, parent);
                    content.AsSpan(offset, length).Clear();
                    break;
                case 10:
                    image.Discard(offset, length);
                    GuestDisk.Read(image, offset, length, parent).CopyTo(content, offset);
                    break;
                default:
                    int part = random.Next(1, Math.Min(1000, length));
                    byte[] some = new byte[part];
                    random.NextBytes(some);
                    Write(offset + random.Next(length - part), some);
                    break;
            }
        }

        image.Close();
        if (random.Next(3) == 0)
        {
            MoveL1ToTheEnd(file);
        }

        if (random.Next(2) == 0)
        {
            file.Poke(file.LengthBytes + (random.Next(5) * clusterBytes) + random.Next(clusterBytes), [0xEE]);
        }

        return new CompactionImage(file, content, parent);

        void Write(int offset, byte[] data)
        {
            GuestDisk.Write(image, offset, data, parent);
            data.CopyTo(content, offset);
        }
    }

    /// <summary>As an image is left by a program that had to make larger tables: L1 behind everything, where it was before a leak.</summary>
    private static void MoveL1ToTheEnd(SimulatedFile file)
    {
        using SimulatedStorage storage = file.Open();
        byte[] header = new byte[QedHeader.SizeBytes];
        storage.Read(0, header);
        QedHeader before = QedHeader.Parse(header, file.LengthBytes, "made");
        byte[] table = new byte[before.Geometry.TableBytes];
        storage.Read(before.L1TableOffset, table);
        QedHeader after = before with { L1TableOffset = before.Geometry.RoundDown(file.LengthBytes) };
        file.Poke(after.L1TableOffset, table);
        after.WriteTo(header);
        file.Poke(0, header);
    }

    public static QedImage Open(SimulatedFile file, byte[]? parent, ConsistencyMode mode = ConsistencyMode.Ordered, TablePool? pool = null)
    {
        QedImage image = Images.Open(file, mode, pool);
        image.SetBeneath(parent is null ? Beneath.Nothing : Beneath.UpTo(parent.Length));
        return image;
    }

    /// <summary>The same, to be changed apart.</summary>
    public CompactionImage Copy()
    {
        SimulatedFile file = File.Copy();
        file.KeepsTrace = false;
        return new CompactionImage(file, [.. Content], Parent);
    }

    public QedImage Open(ConsistencyMode mode = ConsistencyMode.Ordered, TablePool? pool = null) => Open(File, Parent, mode, pool);

    /// <summary>The contract's question, answered from the parent's bytes.</summary>
    public ValueTask<bool> EqualsBeneath(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        byte[] below = new byte[bytes.Length];
        if (Parent is not null && offset < Parent.Length)
        {
            Parent.AsSpan((int)offset, Math.Min(below.Length, Parent.Length - (int)offset)).CopyTo(below);
        }

        return new(bytes.Span.SequenceEqual(below));
    }

    /// <summary>Fails unless the disk reads as it should.</summary>
    public void AssertContent(QedImage image, string when = "")
    {
        byte[] seen = GuestDisk.Read(image, 0, Content.Length, Parent);
        int differs = seen.AsSpan().CommonPrefixLength(Content);
        Assert.True(differs == Content.Length, $"byte {differs} of the disk is {(differs < seen.Length ? seen[differs] : 0)}, should be {(differs < seen.Length ? Content[differs] : 0)} {when}");
    }

    /// <summary>The shortest file for this content over nothing: header, L1, a cluster for each that holds data, and the tables for those.</summary>
    public long ShortestBytes(QedGeometry geometry) => CountBytes(geometry, (at, bytes) => bytes.Span.ContainsAnyExcept((byte)0), (_, _) => false);

    /// <summary>The shortest file over the parent, when it is asked what the parent has, and markers that are there stay.</summary>
    public long Asked(QedGeometry geometry)
    {
        using QedImage image = Open();
        return CountBytes(
            geometry,
            (at, bytes) => !SyncIo.Complete(EqualsBeneath(at, bytes, default)) && bytes.Span.ContainsAnyExcept((byte)0),
            (at, bytes) => image.Map(at, bytes.Length).Kind == ExtentKind.Zero);
    }

    private long CountBytes(QedGeometry geometry, Func<long, ReadOnlyMemory<byte>, bool> isData, Func<long, ReadOnlyMemory<byte>, bool> isMarker)
    {
        long clusters = 1 + geometry.TableClusters;
        bool hasTable = false;
        for (long at = 0; at < Content.Length; at += geometry.ClusterBytes)
        {
            hasTable &= (at & (geometry.BytesPerL2 - 1)) != 0;
            ReadOnlyMemory<byte> bytes = Content.AsMemory((int)at, (int)Math.Min(geometry.ClusterBytes, Content.Length - at));
            bool data = isData(at, bytes);
            clusters += data ? 1 : 0;
            if (!hasTable && (data || isMarker(at, bytes)))
            {
                hasTable = true;
                clusters += geometry.TableClusters;
            }
        }

        return clusters << geometry.ClusterBits;
    }
}
