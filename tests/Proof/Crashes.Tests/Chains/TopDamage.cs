using System.Buffers.Binary;
using QedVd.ChainKit;
using QedVd.Host;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>Errors and leaks in a top image, which a repair finds: a cluster that two entries refer to, clusters that none does, the flag that asks for a check.</summary>
internal static class TopDamage
{
    private const int LeakedClusters = 3;

    public static async Task DoAsync(ChainCommand command, ChainBench bench, TestChain chain, Random random)
    {
        string path = chain.Top.Path;
        byte[] image = await File.ReadAllBytesAsync(path);
        int cluster = (int)BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(4));
        int table = cluster * (int)BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(8));
        int l1 = (int)BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(40));
        List<int> mapped = [];
        for (int entry = l1; entry < l1 + table; entry += 8)
        {
            for (int at = (int)BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(entry)), each = 0; at > 0 && each < table; each += 8)
            {
                if (BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(at + each)) > 1)
                {
                    mapped.Add(at + each);
                }
            }
        }

        if (mapped.Count > 1)
        {
            int from = random.Next(mapped.Count);
            image.AsSpan(mapped[from], 8).CopyTo(image.AsSpan(mapped[(from + 1) % mapped.Count]));
        }

        image[16] |= 2;
        int end = (image.Length + cluster - 1) / cluster * cluster;
        Array.Resize(ref image, end + (LeakedClusters * cluster));
        random.NextBytes(image.AsSpan(end));
        await File.WriteAllBytesAsync(path, image);

        // Two entries lead to one cluster: a guest reads it in both places.
        using VirtualDisk disk = bench.Host.OpenDisk(path, new DiskOpenOptions { Format = "qed", ReadOnly = true });
        byte[] now = new byte[disk.LengthBytes];
        await disk.ReadAsync(0, now);
        chain.Top.View.Write(0, now);
    }
}
