namespace QedVd.Backends.Qed.Tests.Maintenance;

public sealed class ClusterBitmapTests
{
    [Fact]
    public void Bits_AgreeWithASet_ForRandomRunsAndSingles()
    {
        long seed = QedVd.TestKit.LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed);
        foreach (long count in new[] { 1, 63, 64, 65, 32767, 32768, 100_001, 1L << 40 })
        {
            var bitmap = new ClusterBitmap(count);
            SortedSet<long> model = [];
            long window = Math.Min(count, 200_000);
            long origin = count - window;
            for (int i = 0; i < 500; i++)
            {
                long first = origin + random.NextInt64(window);
                long length = Math.Min(count - first, random.Next(2) == 0 ? 1 : random.Next(1, 300));
                bool isClear = !Enumerable.Range(0, (int)length).Any(bit => model.Contains(first + bit));

                Assert.Equal(isClear, length == 1 ? bitmap.TrySet(first) : bitmap.TrySetRange(first, length));
                if (isClear)
                {
                    model.UnionWith(Enumerable.Range(0, (int)length).Select(bit => first + bit));
                }
            }

            Assert.Equal(model.Count, bitmap.SetCount);
            Assert.All(model, bit => Assert.True(bitmap.Contains(bit)));
            long start = origin + (window / 3);
            Assert.Equal(ClearRunsOf(model, start, count), bitmap.ClearRuns(start));
        }
    }

    [Theory]
    [InlineData(200_000)]
    [InlineData(1L << 40)]
    public void Merge_TakesTheBitsOver_AndRefusesCommonOnes_WithNothingChanged(long count)
    {
        ClusterBitmap whole = new(count);
        ClusterBitmap other = new(count);
        whole.TrySetRange(10, 5);
        whole.TrySet(100_000);
        other.TrySetRange(15, 5);
        other.TrySet(199_999);

        Assert.True(whole.TryMerge(other));
        Assert.Equal(12, whole.SetCount);
        Assert.Equal([(0, 10), (20, 99_980), (100_001, 99_998)], whole.ClearRuns(0).Take(3));

        ClusterBitmap bad = new(count);
        bad.TrySetRange(30, 3);
        bad.TrySet(100_000);

        Assert.False(whole.TryMerge(bad));
        Assert.Equal(12, whole.SetCount);
        Assert.False(whole.Contains(30));
    }

    [Fact]
    public void HugeEmptyBitmap_IsOneClearRun()
    {
        Assert.Equal([(1L, (1L << 51) - 1)], new ClusterBitmap(1L << 51).ClearRuns(1));
    }

    [Fact]
    public void ClearRuns_OfAFullBitmap_IsNone()
    {
        var bitmap = new ClusterBitmap(70_000);
        bitmap.TrySetRange(0, 70_000);

        Assert.Empty(bitmap.ClearRuns(0));
    }

    private static IEnumerable<(long First, long Count)> ClearRunsOf(SortedSet<long> set, long start, long end)
    {
        long at = start;
        foreach (long bit in set.Where(bit => bit >= start))
        {
            if (bit > at)
            {
                yield return (at, bit - at);
            }

            at = bit + 1;
        }

        if (at < end)
        {
            yield return (at, end - at);
        }
    }
}
