using System.Buffers.Binary;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>
/// What each cluster of the disk reads as, by the specification and without the code that is tested: nothing in place of what no reader reaches, an
/// empty array where the parent decides, the bytes otherwise.
/// </summary>
internal sealed class DiskView
{
    private static readonly byte[] s_free = [];

    private DiskView(byte[]?[] clusters) => Clusters = clusters;

    public byte[]?[] Clusters { get; }

    public static DiskView Of(SimulatedFile file)
    {
        byte[] header = file.ReadBytes(0, 64);
        long clusterBytes = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4));
        long tableBytes = clusterBytes * BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
        long headerEnd = clusterBytes * BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(12));
        long l1 = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40));
        long size = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(48));
        byte[] all = file.ReadBytes(0, (int)file.LengthBytes);
        long end = all.Length / clusterBytes * clusterBytes;
        long entries = tableBytes / 8;
        byte[]?[] clusters = new byte[]?[(size + clusterBytes - 1) / clusterBytes];
        for (long i = 0; i < clusters.Length; i++)
        {
            ulong table = Entry(all, l1, i / entries);
            ulong data = table == 0 ? 0 : IsValid(table, tableBytes) ? Entry(all, (long)table, i % entries) : 2;
            clusters[i] = data switch
            {
                0 => s_free,
                1 => new byte[clusterBytes],
                _ => IsValid(data, clusterBytes) ? all.AsSpan((int)data, (int)clusterBytes).ToArray() : null,
            };
        }

        return new DiskView(clusters);

        bool IsValid(ulong offset, long length) => offset % (ulong)clusterBytes == 0 && offset >= (ulong)headerEnd && offset <= (ulong)end && (long)offset + length <= end
            && ((long)offset >= l1 + tableBytes || (long)offset + length <= l1);
    }

    private static ulong Entry(byte[] bytes, long table, long index) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan((int)(table + (index * 8))));

    /// <summary>Fails unless all that was reachable here reads the same in a later view, and what was not reads as nothing or as zeros there.</summary>
    public void AssertKeptBy(DiskView later, Func<string> describe, bool isMended = true, bool mayKeepTails = false)
    {
        Assert.Equal(Clusters.Length, later.Clusters.Length);
        for (int i = 0; i < Clusters.Length; i++)
        {
            byte[]? before = Clusters[i];
            byte[]? after = later.Clusters[i];
            if (before is null)
            {
                Check(!isMended || after is not null, i, "is still unreachable");
                Check(mayKeepTails || after is null || !after.AsSpan().ContainsAnyExcept((byte)0), i, "which nothing led to, reads the data of another");
            }
            else
            {
                Check(after is not null && after.Length == before.Length && after.AsSpan().SequenceEqual(before), i, "reads differently");
            }
        }

        void Check(bool isTrue, int cluster, string what)
        {
            if (!isTrue)
            {
                Assert.Fail($"cluster {cluster} {what}\n{describe()}");
            }
        }
    }
}
