using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>Damages an image so that everything that was reachable can be kept: repairs of it are crashed.</summary>
internal static class QedDamage
{
    public static Action<SimulatedFile> Of(QedLayout layout, int kinds) => file => Damage(file, layout, kinds);

    private static void Damage(SimulatedFile file, QedLayout layout, int kinds)
    {
        int c = layout.ClusterBytes;
        long l1 = (long)Number(file, 40);
        long l2 = (long)Number(file, l1);
        if ((kinds & 1) != 0)
        {
            // Clusters that nothing refers to.
            long end = (file.LengthBytes + c - 1) / c * c;
            file.Poke(end + (3L * c) - 1, [0xEE]);
        }

        if ((kinds & 2) != 0)
        {
            // An entry that leads behind the end of the file; of a cluster that was free.
            Set(file, l2 + (50 * 8), (ulong)(file.LengthBytes / c * c) + (1000UL * (ulong)c));
        }

        if ((kinds & 4) != 0)
        {
            // Two entries share one cluster: the disk reads the same there and where it was written.
            Set(file, l2 + (33 * 8), Number(file, l2 + (30 * 8)));
        }

        if ((kinds & 8) != 0)
        {
            // The format's own mark.
            Set(file, 16, Number(file, 16) | 2);
        }
    }

    private static ulong Number(SimulatedFile file, long offset) => BinaryPrimitives.ReadUInt64LittleEndian(file.ReadBytes(offset, 8));

    private static void Set(SimulatedFile file, long offset, ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        file.Poke(offset, bytes);
    }
}
