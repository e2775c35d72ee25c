using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Interop;

/// <summary>Random headers and random tables: we and QEMU say the same, except where it is known to be wrong.</summary>
public sealed class QemuAgreementTests
{
    private const int Headers = 150;
    private const int Images = 40;
    private const long LongestFileBytes = 4L << 40;

    [Fact]
    public async Task RandomHeaders_AreAcceptedByBoth_OrByNone_ButForTheKnownDifferences()
    {
        using QemuImg qemu = new();
        Random random = NewRandom();
        int accepted = 0;
        for (int i = 0; i < Headers;)
        {
            QedHeaderBytes header = HeaderFuzz.NextNearlyRight(random);
            long length = random.Next(6) == 0 ? random.NextInt64(1, 1 << 20) * 512 : (long)Math.Min((ulong)LongestFileBytes, unchecked(header.L1Offset + ((ulong)header.ClusterSize * header.TableSize)));
            if (length < 64 || length == LongestFileBytes)
            {
                continue;
            }

            i++;
            var file = new SimulatedFile();
            file.Poke(0, header.ToArray());
            file.Poke(length - 1, [file.LengthBytes == length ? header.ToArray()[^1] : (byte)0]);
            qemu.Save(file);
            bool ours = Accepts(header, file.LengthBytes);
            ToolRun run = await qemu.RunAsync("info", "-f", "qed", "a.qed");

            bool expected = Expected(header, file.LengthBytes, ours);
            Assert.True(expected == (run.ExitCode == 0), $"{header}, {file.LengthBytes} bytes: we {(ours ? "accept" : "reject")} it, qemu-img ended with {run.ExitCode}: {run.Error}");
            accepted += ours ? 1 : 0;
        }

        Assert.InRange(accepted, 10, Headers - 10);
    }

    [Fact]
    public async Task RandomTables_AreCountedAlike()
    {
        using QemuImg qemu = new();
        Random random = NewRandom();
        for (int i = 0; i < Images; i++)
        {
            QedImageBytes image = NextImage(random);
            qemu.Save(image.File);
            CheckReport ours = await new QedBackend().CheckAsync(image.File.Open(), new CheckOptions(), null, TestContext.Current.CancellationToken);
            Func<string, long> theirs = await qemu.CheckAsync();

            Assert.Equal(
                (theirs("corruptions"), theirs("leaks"), theirs("check-errors"), theirs("total-clusters"), theirs("allocated-clusters"), theirs("fragmented-clusters")),
                (ours.Corruptions, ours.Leaks, ours.CheckErrors, ours.TotalClusters, ours.AllocatedClusters, ours.FragmentedClusters));
        }
    }

    private static Random NewRandom()
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        return new Random((int)seed);
    }

    private static bool Accepts(QedHeaderBytes header, long length)
    {
        try
        {
            header.Parse(length);
            return true;
        }
        catch (ImageException)
        {
            return false;
        }
    }

    /// <summary>What QEMU answers, where we accept or reject: the same, but for what qed-format.md calls its own limits and faults.</summary>
    private static bool Expected(QedHeaderBytes header, long length, bool ours)
    {
        if (ours)
        {
            QedHeader parsed = header.Parse(length);
            bool wraps = !parsed.Geometry.IsUsableByQemu && (parsed.Geometry.TableClusters == 1 || parsed.VirtualSizeBytes > 0);
            return !wraps && parsed.HeaderAreaBytes <= uint.MaxValue;
        }

        // No header area at all: we reject it, QEMU does not look.
        return header.HeaderSize == 0 && header.TableSize > 1 && Accepts(header with { HeaderSize = 1 }, length)
            && Expected(header with { HeaderSize = 1 }, length, ours: true)
            && ((header.Features & 1) == 0 || header.NameOffset + (ulong)header.NameSize == 0);
    }

    /// <summary>Two or three tables, some data, and some entries that are wrong in one of the ways that both count alike.</summary>
    private static QedImageBytes NextImage(Random random)
    {
        uint table = 2u << random.Next(3);
        QedImageBytes image = new(new QedHeaderBytes { TableSize = table });
        int tables = random.Next(1, 4);
        long firstTable = image.FirstFree;
        long firstData = firstTable + (tables * table);
        int data = random.Next(4, 60);
        image.SetClusters(firstData + data);
        int next = 0;
        for (int t = 0; t < tables; t++)
        {
            long at = firstTable + (t * table);
            image.SetL1(t, image.At(at));
            int entries = random.Next(data);
            for (int e = 0; e < entries; e++)
            {
                int index = random.Next(512 * (int)table);
                ulong value = random.Next(12) switch
                {
                    0 => 1,
                    1 => (ulong)random.Next(2, 1 << 20),
                    2 => image.At(firstData + random.Next(data)),
                    3 => image.At(firstData + data + random.Next(10)),
                    4 => image.At(1 + random.Next((int)table)),
                    5 => image.At(firstTable + random.Next((t + 1) * (int)table)),
                    6 => 1UL << random.Next(30, 64),
                    _ => image.At(firstData + (next++ % data)),
                };
                image.SetL2(at, random.Next(3) == 0 ? index : e, value);
            }
        }

        for (int bad = random.Next(3); bad > 0; bad--)
        {
            image.SetL1(500 - bad, random.Next(4) switch
            {
                0 => 1,
                1 => image.At(firstTable),
                2 => image.At(firstData + data),
                _ => (ulong)random.Next(5, 1 << 20) | 1,
            });
        }

        return image;
    }
}
