namespace QedVd.Abstractions.Tests.Tables;

public sealed class TablePoolTests
{
    private readonly object _owner = new();

    private static TablePool PoolOf(int pages) => new((long)pages * TablePage.SizeBytes);

    private TablePage Load(TablePool pool, long key, bool keepPinned = false, bool mayExceed = false)
    {
        TablePage page = pool.Rent(_owner, key, mayExceed) ?? throw new InvalidOperationException("no page");
        page.Entries.Fill((ulong)key);
        page.Publish();
        if (!keepPinned)
        {
            page.Unpin();
        }

        return page;
    }

    private bool Holds(TablePage page, long key) => page.TryBeginRead(_owner, key, out int sequence) && page.Get(5) == (ulong)key && page.EndRead(sequence);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4096, 1)]
    [InlineData(8191, 1)]
    [InlineData(8192, 2)]
    public void Capacity_IsTheBudgetInWholePages_AtLeastOne(long budgetBytes, int pages) => Assert.Equal(pages, new TablePool(budgetBytes).CapacityPages);

    [Fact]
    public void Budget_OfNothing_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => new TablePool(0));

    [Fact]
    public void RentedPage_IsInvisible_UntilPublished()
    {
        TablePool pool = PoolOf(2);
        TablePage page = pool.Rent(_owner, 7)!;
        Assert.False(page.TryBeginRead(_owner, 7, out _));
        Assert.False(page.TryPin(_owner, 7));
        page.Entries.Fill(7);
        page.Publish();
        Assert.True(Holds(page, 7));
        Assert.False(page.TryBeginRead(_owner, 8, out _));
        Assert.False(page.TryBeginRead(new object(), 7, out _));
    }

    [Fact]
    public void Rent_BeyondTheBudget_EvictsWhatIsNotPinned()
    {
        TablePool pool = PoolOf(2);
        TablePage pinned = Load(pool, 1, keepPinned: true);
        for (long key = 2; key < 50; key++)
        {
            Assert.NotSame(pinned, Load(pool, key));
            Assert.InRange(pool.PagesInUse, 1, 2);
        }

        Assert.True(Holds(pinned, 1));
    }

    [Fact]
    public void Rent_WithAllPinned_Fails_OrExceedsWhenItMay()
    {
        TablePool pool = PoolOf(2);
        Load(pool, 1, keepPinned: true);
        Load(pool, 2, keepPinned: true);
        Assert.Null(pool.Rent(_owner, 3));
        Assert.NotNull(pool.Rent(_owner, 3, mayExceed: true));
        Assert.Equal(3, pool.PagesInUse);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Pool_ThatExceeded_ComesBackInsideItsBudget_WithAllItsPagesUsable(int extra)
    {
        const int Capacity = 4;
        TablePool pool = PoolOf(Capacity);
        List<TablePage> pages = [.. Enumerable.Range(0, Capacity + extra).Select(key => Load(pool, key, keepPinned: true, mayExceed: true))];
        pages.ForEach(page => page.Unpin());
        Load(pool, 100);
        Assert.Equal(Capacity, pool.PagesInUse);

        // None is lost: as many as the budget says can be pinned at once.
        pool.ReturnAll(_owner);
        Assert.Equal(0, pool.PagesInUse);
        Assert.All(Enumerable.Range(200, Capacity), key => Assert.NotNull(pool.Rent(_owner, key)));
        Assert.Null(pool.Rent(_owner, 300));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Pool_ThatExceeded_LosesNoPage_WhenEvictionGoesOn(int extra)
    {
        const int Capacity = 4;
        TablePool pool = PoolOf(Capacity);
        List<TablePage> pages = [.. Enumerable.Range(0, Capacity + extra).Select(key => Load(pool, key, keepPinned: true, mayExceed: true))];
        pages.ForEach(page => page.Unpin());
        for (long key = 100; key < 120; key++)
        {
            Load(pool, key);
        }

        Assert.All(Enumerable.Range(200, Capacity), key => Assert.NotNull(pool.Rent(_owner, key)));
    }

    [Fact]
    public void Return_MakesThePageFree_AndInvisible()
    {
        TablePool pool = PoolOf(1);
        TablePage page = pool.Rent(_owner, 1)!;
        pool.Return(page);
        Assert.Equal(0, pool.PagesInUse);
        Assert.False(page.TryPin(_owner, 1));
        Assert.Same(page, pool.Rent(_owner, 2));
    }

    [Fact]
    public void ReturnAll_TakesOnlyTheOwnersPages_PinnedOrNot()
    {
        TablePool pool = PoolOf(4);
        var other = new object();
        Load(pool, 1, keepPinned: true);
        Load(pool, 2);
        TablePage kept = pool.Rent(other, 1)!;
        kept.Publish();
        pool.ReturnAll(_owner);
        Assert.Equal(1, pool.PagesInUse);
        Assert.True(kept.TryBeginRead(other, 1, out _));
    }

    [Fact]
    public void Eviction_TakesWhatWasNotReadLately()
    {
        TablePool pool = PoolOf(4);
        List<TablePage> pages = [.. Enumerable.Range(0, 4).Select(key => Load(pool, key))];

        // The first rent takes the marks away; afterwards page 2 alone is read.
        Load(pool, 100);
        TablePage read = pages.First(page => Enumerable.Range(0, 4).Any(key => Holds(page, key)));
        long readKey = Enumerable.Range(0, 4).First(key => Holds(read, key));
        Load(pool, 101);
        Assert.True(Holds(read, readKey));
    }

    [Fact]
    public void DirtyPages_AreWhatOwnersTell()
    {
        TablePool pool = PoolOf(4);
        pool.AddDirty(3);
        pool.AddDirty(-1);
        Assert.Equal(2, pool.DirtyPages);
    }

    [Fact]
    public async Task Readers_NeverTakeEntriesOfAnotherSlice_WhileEvictionGoesOn()
    {
        const int Keys = 16;
        TablePool pool = PoolOf(4);
        var index = new TablePage?[Keys];
        int hits = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
        {
            var random = new Random(worker);
            for (int round = 0; round < 60_000; round++)
            {
                int key = random.Next(Keys);
                TablePage? page = Volatile.Read(ref index[key]);
                if (page is not null && page.TryBeginRead(_owner, key, out int sequence))
                {
                    ulong first = page.Get(0);
                    ulong last = page.Get(TablePage.EntryCount - 1);
                    if (page.EndRead(sequence))
                    {
                        Assert.Equal(((ulong)key, (ulong)key), (first, last));
                        Interlocked.Increment(ref hits);
                    }
                }
                else if (page is not null && page.TryPin(_owner, key))
                {
                    Assert.Equal((ulong)key, page.Get(round % TablePage.EntryCount));
                    page.Unpin();
                }
                else if (random.Next(4) == 0 && pool.Rent(_owner, key) is { } fresh)
                {
                    fresh.Entries.Fill((ulong)key);
                    if (random.Next(8) == 0)
                    {
                        pool.Return(fresh);
                        continue;
                    }

                    fresh.Publish();
                    Volatile.Write(ref index[key], fresh);
                    Assert.Equal((ulong)key, fresh.Get(3));
                    fresh.Unpin();
                }
            }
        })));
        Assert.True(hits > 0);
        Assert.InRange(pool.PagesInUse, 0, 4);

        // No pin was lost or left behind by all this.
        Assert.All(Enumerable.Range(100, 4), key => Assert.NotNull(pool.Rent(_owner, key)));
        Assert.Null(pool.Rent(_owner, 200));
    }

    [Fact]
    public void Pin_TakenInVainForAMoment_NeverEndsAPinOfTheNextSlice()
    {
        // The parts of a TryPin by a reference that is out of date, with a return and a new rent between them.
        TablePool pool = PoolOf(1);
        TablePage page = pool.Rent(_owner, 1)!;
        Assert.True(page.TryTakePin(out long generation));
        pool.Return(page);
        Assert.Same(page, pool.Rent(_owner, 2));
        page.TakeBackPin(generation);

        Assert.Null(pool.Rent(_owner, 3));
        page.Publish();
        page.Unpin();
        Assert.NotNull(pool.Rent(_owner, 3));
    }
}
