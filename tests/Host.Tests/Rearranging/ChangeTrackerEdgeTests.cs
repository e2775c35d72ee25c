namespace QedVd.Host.Tests.Rearranging;

/// <summary>Every answer of a tracker at the edges of its units, against a plain list of flags.</summary>
public sealed class ChangeTrackerEdgeTests
{
    private const long Unit = 64 << 10;

    private static readonly long[] s_nearby = [-2, -1, 0, 1, 2];

    public static TheoryData<long> Lengths => [0, 1, Unit - 1, Unit, Unit + 1, (2 * Unit) - 1, 2 * Unit, (2 * Unit) + 1, (3 * Unit) + 512];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void OneMark_AnswersAsFlagsDo(long length)
    {
        long[] places = [.. Enumerable.Range(0, 4).SelectMany(unit => s_nearby.Select(near => (unit * Unit) + near)).Append(length - 1).Append(length).Where(at => at >= 0 && at <= length).Distinct()];
        foreach (long start in places)
        {
            foreach (long end in places.Where(end => end >= start))
            {
                var tracker = new ChangeTracker(length);
                bool[] flags = new bool[(length + Unit - 1) / Unit];
                tracker.Mark(start, end - start);
                for (long unit = start / Unit; end > start && unit <= (end - 1) / Unit; unit++)
                {
                    flags[unit] = true;
                }

                AssertSame(flags, tracker, length, places, FormattableString.Invariant($"{start} to {end} of {length}"));
            }
        }
    }

    [Theory]
    [InlineData(62)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(128)]
    [InlineData(130)]
    public void AllMarksOfUnitsAroundAWordsEnd_AnswerAsFlagsDo(int units)
    {
        long length = (units * Unit) - 7;
        for (int first = 60; first < units; first++)
        {
            for (int last = first; last < units; last++)
            {
                var tracker = new ChangeTracker(length);
                tracker.Mark((first * Unit) + 1, ((last - first) * Unit) + 1);
                Assert.Equal([(first * Unit, (last == units - 1 ? length : (last + 1) * Unit) - (first * Unit))], tracker.Runs());
                Assert.Equal([false, true, true, false], [
                    tracker.IsChanged(0, first * Unit), tracker.IsChanged(0, (first * Unit) + 1),
                    tracker.IsChanged(((last + 1) * Unit) - 8, 1), last < units - 1 && tracker.IsChanged((last + 1) * Unit, (units - last - 1) * Unit)]);
                Assert.Equal((last - first + 1) * Unit, tracker.CountBytes());
            }
        }
    }

    [Fact]
    public void AMarkOfNothing_OrLess_ChangesNothing()
    {
        var tracker = new ChangeTracker(4 * Unit);
        tracker.Mark(Unit + 5, 0);
        tracker.Mark(Unit + 5, -1);
        Assert.Empty(tracker.Runs());

        tracker.Mark(Unit + 5, 1);
        Assert.False(tracker.IsChanged(Unit + 5, 0));
        Assert.False(tracker.IsChanged(Unit + 5, -1));
        Assert.Null(tracker.FindNext(4 * Unit));
        Assert.Null(tracker.FindNext(long.MaxValue));
        Assert.Equal((Unit + 9, Unit - 9), tracker.FindNext(Unit + 9));
    }

    /// <summary>As many units as there may be have the least size that is a power of two, and no more.</summary>
    [Theory]
    [InlineData(1L << 41, 1L << 16)]
    [InlineData(1L << 42, 1L << 17)]
    [InlineData((1L << 42) + (1L << 25), 1L << 18)]
    [InlineData(3L << 41, 1L << 18)]
    [InlineData(1L << 43, 1L << 18)]
    [InlineData(1L << 62, 1L << 37)]
    [InlineData(long.MaxValue - 511, 1L << 38)]
    [InlineData(long.MaxValue, 1L << 38)]
    public void LargeDisks_HaveLargeUnits(long length, long unit)
    {
        var tracker = new ChangeTracker(length);
        tracker.Mark((3 * unit) - 1, 2);
        Assert.Equal([(2 * unit, 2 * unit)], tracker.Runs());
        Assert.Equal(2 * unit, tracker.CountBytes());
        Assert.False(tracker.IsChanged(length - 1, 1));
        tracker.Mark(length - 1, 1);
        long last = length - 1 - ((length - 1) % unit);
        Assert.Equal([(2 * unit, 2 * unit), (last, length - last)], tracker.Runs());
        Assert.Equal((last, length - last), tracker.FindNext(4 * unit));
        Assert.Equal((length - 1, 1), tracker.FindNext(length - 1));
        Assert.False(tracker.IsChanged(4 * unit, last - (4 * unit)));
        Assert.True(tracker.IsChanged(length - 1, 1));
    }

    private static void AssertSame(bool[] flags, ChangeTracker tracker, long length, long[] places, string marked)
    {
        int count = flags.Count(flag => flag);
        Assert.True(tracker.CountBytes() == Math.Min(length, count * Unit), marked);
        foreach (long from in places)
        {
            foreach (long to in places)
            {
                bool expected = to > from && Array.IndexOf(flags, true, (int)(from / Unit), (int)((to - 1) / Unit) + 1 - (int)(from / Unit)) >= 0;
                Assert.True(tracker.IsChanged(from, to - from) == expected, $"{marked}: {from} to {to}");
            }

            int unit = from >= length ? -1 : Array.IndexOf(flags, true, (int)(from / Unit));
            (long, long)? run = null;
            if (unit >= 0)
            {
                int after = Array.IndexOf(flags, false, unit);
                long start = Math.Max(from, unit * Unit);
                run = (start, (after < 0 ? length : after * Unit) - start);
            }

            Assert.True(tracker.FindNext(from) == run, $"{marked}: from {from} {tracker.FindNext(from)}, not {run}");
        }
    }
}
