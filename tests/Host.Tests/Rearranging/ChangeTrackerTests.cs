namespace QedVd.Host.Tests.Rearranging;

public sealed class ChangeTrackerTests
{
    private const int Unit = 64 << 10;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void RandomMarks_AnswerAsASetOfUnitsDoes(int seed)
    {
        var random = new Random(seed);
        long length = (300L * Unit) + random.Next(Unit);
        var tracker = new ChangeTracker(length);
        var model = new HashSet<long>();
        for (int i = 0; i < 40; i++)
        {
            long offset = random.NextInt64(length);
            long count = Math.Min(length - offset, random.Next(3) == 0 ? random.Next(100 * Unit) : random.Next(3000));
            tracker.Mark(offset, count);
            for (long unit = offset / Unit; unit * Unit < offset + count; unit++)
            {
                model.Add(unit);
            }

            long at = random.NextInt64(length);
            long asked = Math.Min(length - at, random.Next(5 * Unit));
            bool expected = asked > 0 && model.Any(unit => unit >= at / Unit && unit <= (at + asked - 1) / Unit);
            Assert.Equal(expected, tracker.IsChanged(at, asked));
        }

        var found = new HashSet<long>();
        for (long at = 0; tracker.FindNext(at) is { } run; at = run.OffsetBytes + run.LengthBytes)
        {
            Assert.True(run.LengthBytes > 0 && run.OffsetBytes >= at && run.OffsetBytes + run.LengthBytes <= length);
            for (long unit = run.OffsetBytes / Unit; unit * Unit < run.OffsetBytes + run.LengthBytes; unit++)
            {
                Assert.True(found.Add(unit));
            }
        }

        Assert.Equal([.. model.Order()], found.Order().ToArray());
        Assert.Equal(Math.Min(length, model.Count * (long)Unit), tracker.CountBytes());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1L << 40)]
    [InlineData(long.MaxValue - 511)]
    public void AnySize_TakesBoundedMemory_AndKnowsItsLastByte(long length)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var tracker = new ChangeTracker(length);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5 << 20);
        Assert.Null(tracker.FindNext(0));
        if (length > 0)
        {
            tracker.Mark(length - 1, 1);
            Assert.True(tracker.IsChanged(length - 1, 1));
            Assert.Equal(length, tracker.FindNext(0)!.Value.OffsetBytes + tracker.FindNext(0)!.Value.LengthBytes);
        }
    }

    [Fact]
    public void MarksOfManyThreads_AreAllKept()
    {
        var tracker = new ChangeTracker(6400L * Unit);
        Parallel.For(0, 6400, unit => tracker.Mark(unit * (long)Unit, 1));
        Assert.Equal((0, 6400L * Unit), tracker.FindNext(0));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(Unit - 1, 1)]
    [InlineData(Unit, 1)]
    [InlineData(5 * Unit, 5)]
    [InlineData(64 * Unit, 64)]
    [InlineData(70 * Unit, 70)]
    [InlineData(long.MaxValue, 105)]
    public void WhatIsTakenOut_IsTheFirstOfIt_AndIsInOneOfTheTwo(long bytes, int units)
    {
        var tracker = new ChangeTracker(300L * Unit);
        int[] marked = [3, 4, .. Enumerable.Range(20, 100), 199, 200, 299];
        foreach (int unit in marked)
        {
            tracker.Mark((unit * (long)Unit) + 5, 1);
        }

        ChangeTracker taken = tracker.TakeOut(bytes);

        Assert.Equal(marked[..units], UnitsOf(taken));
        Assert.Equal(marked[units..], UnitsOf(tracker));
        Assert.Equal((units * (long)Unit, (marked.Length - units) * (long)Unit), (taken.CountBytes(), tracker.CountBytes()));

        static IEnumerable<int> UnitsOf(ChangeTracker tracker) =>
            tracker.Runs().SelectMany(run => Enumerable.Range((int)(run.OffsetBytes / Unit), (int)(run.LengthBytes / Unit)));
    }
}
