using System.Reflection;

namespace QedVd.Backends.Qed.Tests.Tables;

/// <summary>The set of places where tables are, against a plain set of clusters.</summary>
public sealed class KnownTablesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void EveryCluster_OfTablesAtAnyPlace_IsKnown_AndNoOther(int tableClusters)
    {
        QedGeometry geometry = Geometry(tableClusters);
        KnownTables tables = new(geometry);
        Random random = new(tableClusters);
        List<long> starts = [];
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < 40; i++)
            {
                // Aligned or not, some of them overlapping, some of them twice.
                long start = random.Next(1, 12_000);
                starts.Add(start);
                tables.Add(start * geometry.ClusterBytes);
            }

            if (round % 5 == 4)
            {
                AssertKnown(tables, geometry, starts);

                // As after a compaction: below an end other tables, behind it the same.
                const long End = 9000;
                starts.RemoveAll(start => start < End && random.Next(3) > 0);
                starts.Add(17 + round);
                tables.ReplaceBelow(End, [.. starts.Where(start => start < End)]);
                AssertKnown(tables, geometry, starts);
            }
        }
    }

    [Fact]
    public void ReplaceBelow_TeachesTablesBeyondThoseThatWereKnown()
    {
        QedGeometry geometry = Geometry(2);
        KnownTables tables = new(geometry);

        tables.ReplaceBelow(100, [7, 90]);

        AssertKnown(tables, geometry, [7, 90]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(6)]
    public void TablesThatLieOneBehindTheOther_AreAllKnown(int clusters)
    {
        QedGeometry geometry = Geometry(2);
        KnownTables tables = new(geometry);

        tables.AddRun(50 * geometry.ClusterBytes, clusters);

        AssertKnown(tables, geometry, [.. Enumerable.Range(0, clusters / 2).Select(i => 50L + (2 * i))]);
    }

    [Fact]
    public void NoMoreTablesAreKnown_ThanAreAllowed()
    {
        QedGeometry geometry = Geometry(2);
        KnownTables tables = new(geometry, limit: 2);
        foreach (long cluster in new[] { 10, 20, 30 })
        {
            tables.Add(cluster * geometry.ClusterBytes);
        }

        AssertKnown(tables, geometry, [10, 20]);
    }

    [Fact]
    public void MakingOne_CanBeCancelled()
    {
        CancellationToken cancelled = new(canceled: true);

        Assert.ThrowsAny<OperationCanceledException>(() => KnownTables.Of([4096, 8192], Geometry(1), cancelled));
    }

    [Fact]
    public void HundredsOfThousandsOfTables_AreAllKnown()
    {
        QedGeometry geometry = Geometry(16);
        ulong[] offsets = [.. Enumerable.Range(1, 300_000).Select(i => (ulong)i * 17 * (ulong)geometry.ClusterBytes)];

        KnownTables tables = KnownTables.Of(offsets, geometry, TestContext.Current.CancellationToken);

        Assert.DoesNotContain(offsets, offset => !tables.ContainsCluster((long)offset + (15 * geometry.ClusterBytes)) || tables.ContainsCluster((long)offset + (16 * geometry.ClusterBytes)));
    }

    /// <summary>
    /// Places whose numbers, times the constant that everybody takes, agree in their upper bits: with a multiplier known beforehand they would fill one
    /// run of slots, and each look would go through all of it.
    /// </summary>
    [Fact]
    public void PlacesChosenToCollide_DoNot()
    {
        const int Tables = 2048;
        QedGeometry geometry = Geometry(1);
        KnownTables tables = new(geometry);
        for (long cluster = 1, found = 0; found < Tables; cluster++)
        {
            if (unchecked((ulong)cluster * 0x9E3779B97F4A7C15) >> 52 == 0)
            {
                tables.Add(cluster * geometry.ClusterBytes);
                found++;
            }
        }

        int longest = 0;
        int run = 0;
        foreach (ulong slot in (ulong[])typeof(KnownTables).GetField("_slots", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(tables)!)
        {
            run = slot == 0 ? 0 : run + 1;
            longest = Math.Max(longest, run);
        }

        Assert.InRange(longest, 1, Tables / 4);
    }

    private static QedGeometry Geometry(int tableClusters) => new(12, int.Log2(tableClusters));

    private static void AssertKnown(KnownTables tables, QedGeometry geometry, List<long> starts)
    {
        HashSet<long> clusters = [.. starts.SelectMany(start => Enumerable.Range(0, geometry.TableClusters).Select(i => start + i))];
        for (long cluster = 0; cluster < 12_100; cluster++)
        {
            Assert.Equal(clusters.Contains(cluster), tables.ContainsCluster(cluster * geometry.ClusterBytes));
            long length = (cluster % 40) + 1;
            bool any = Enumerable.Range(0, (int)length).Any(i => clusters.Contains(cluster + i));
            Assert.Equal(any, tables.ContainsAny(cluster * geometry.ClusterBytes, length * geometry.ClusterBytes));
        }
    }
}
