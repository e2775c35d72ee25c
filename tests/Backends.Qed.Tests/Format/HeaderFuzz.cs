using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Format;

/// <summary>Headers of which some are right, most are nearly right, and a few are noise.</summary>
internal static class HeaderFuzz
{
    private static readonly ulong[] s_pool =
    [
        0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 63, 64, 65, 511, 512, 513, 2048, 4095, 4096, 4097, 8192, 12288, 65535, 65536, 1 << 20, 1 << 26, 1 << 27,
        (1UL << 31) - 1, 1UL << 31, uint.MaxValue, 1UL << 32, (1UL << 32) + 512, 1UL << 46, (1UL << 46) + 512, 1UL << 62, (1UL << 63) - 512, 1UL << 63,
        ulong.MaxValue - 4095, ulong.MaxValue - 511, ulong.MaxValue,
    ];

    public static byte[] Next(Random random, out long fileLength)
    {
        if (random.Next(20) == 0)
        {
            byte[] noise = new byte[64];
            random.NextBytes(noise);
            if (random.Next(2) == 0)
            {
                noise[0] = 0x51;
                noise[1] = 0x45;
                noise[2] = 0x44;
                noise[3] = 0;
            }

            fileLength = random.NextInt64(long.MaxValue);
            return noise;
        }

        QedHeaderBytes header = NextNearlyRight(random);
        ulong needed = unchecked(header.L1Offset + ((ulong)header.ClusterSize * header.TableSize));
        fileLength = random.Next(6) == 0 ? (long)(Pick(random) >> 1) : (long)Math.Min(needed, (ulong)long.MaxValue) + random.Next(2);
        fileLength = Math.Max(fileLength, 64);
        return header.ToArray();
    }

    /// <summary>A header that is right but for up to two fields.</summary>
    public static QedHeaderBytes NextNearlyRight(Random random)
    {
        uint cluster = 1u << random.Next(12, 27);
        uint table = 1u << random.Next(0, 5);
        QedHeaderBytes header = new()
        {
            ClusterSize = cluster,
            TableSize = table,
            L1Offset = (ulong)cluster * (ulong)random.Next(1, 4),
            ImageSize = (ulong)random.Next(1 << 20) * 512,
            Features = (ulong)random.Next(8),
            NameOffset = 64,
            NameSize = (uint)random.Next(0, 32),
        };
        for (int i = random.Next(3); i > 0; i--)
        {
            ulong value = Pick(random);
            header = random.Next(10) switch
            {
                0 => header with { ClusterSize = (uint)value },
                1 => header with { TableSize = (uint)value },
                2 => header with { HeaderSize = (uint)value },
                3 => header with { Features = value },
                4 => header with { Compat = value },
                5 => header with { Autoclear = value },
                6 => header with { L1Offset = value },
                7 => header with { ImageSize = value },
                8 => header with { NameOffset = (uint)value },
                _ => header with { NameSize = (uint)value },
            };
        }

        return header;
    }

    private static ulong Pick(Random random) => s_pool[random.Next(s_pool.Length)];
}
