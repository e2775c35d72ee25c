using System.Reflection;

namespace QedVd.Backends.Qed.Tests.Tables;

public sealed class SliceIndexTests
{
    private readonly TablePool _pool = new(4096L * TablePage.SizeBytes);
    private readonly object _owner = new();

    [Fact]
    public void Find_OfWhatWasNeverAdded_IsNull()
    {
        SliceIndex index = new(_owner);
        index.Add(5, Load(5));

        Assert.Null(index.Find(6));
        Assert.Null(new SliceIndex(_owner).Find(0));
    }

    [Fact]
    public void ThousandsOfSlices_AreAllFound()
    {
        SliceIndex index = new(_owner);
        Dictionary<long, TablePage> pages = [];
        Random random = new(1);
        while (pages.Count < 3000)
        {
            long key = random.Next(2) == 0 ? pages.Count : random.NextInt64(1L << 43);
            if (!pages.ContainsKey(key))
            {
                pages[key] = Load(key);
                index.Add(key, pages[key]);
            }
        }

        Assert.All(pages, pair => Assert.Same(pair.Value, index.Find(pair.Key)));
        Assert.Null(index.Find(1L << 50));
    }

    [Fact]
    public void SliceThatIsLoadedAgain_IsFoundInItsNewPage()
    {
        SliceIndex index = new(_owner);
        TablePage before = Load(7);
        index.Add(7, before);
        TablePage after = Load(7);

        index.Add(7, after);

        Assert.Same(after, index.Find(7));
    }

    [Fact]
    public void Size_FollowsThePagesInUse_NotThoseThatWereOnce()
    {
        SliceIndex index = new(_owner);
        TablePage kept = Load(0xFFFF);
        index.Add(0xFFFF, kept);
        for (long key = 0; key < 5000; key++)
        {
            TablePage page = Load(key);
            index.Add(key, page);
            _pool.Return(page);
        }

        Assert.Same(kept, index.Find(0xFFFF));
        Assert.InRange(SlotsOf(index), 16, 64);
    }

    [Fact]
    public void Size_IsFewSlotsForEachPage()
    {
        SliceIndex index = new(_owner);
        for (long key = 0; key < 1024; key++)
        {
            index.Add(key * 1000, Load(key * 1000));
        }

        // Never more than half full, so that looking for what is not there ends.
        Assert.InRange(SlotsOf(index), 2048, 8192);
    }

    private TablePage Load(long key)
    {
        TablePage page = _pool.Rent(_owner, key, mayExceed: true)!;
        page.Publish();
        return page;
    }

    private static int SlotsOf(SliceIndex index)
    {
        object slots = typeof(SliceIndex).GetField("_slots", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(index)!;
        return ((long[])slots.GetType().GetField("Keys")!.GetValue(slots)!).Length;
    }
}
