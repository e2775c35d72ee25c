using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Filters;

/// <summary>Where filters stand, what passes them, and how they come and go.</summary>
public sealed class FilterTests
{
    private const int Block = 4096;
    private const int Size = 32 * Block;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Filters_AreStackedTopmostFirst_AndTheStoredBytesAreChanged()
    {
        var image = new BlockImage("top", Size, Block);
        using VirtualDisk disk = TestDisks.Compose(image);
        var lower = new XorFilter(1, 512);
        var upper = new XorFilter(9, 1);
        await disk.AddFilterAsync(lower, Token);
        await disk.AddFilterAsync(upper, Token);
        Assert.Equal([upper, lower], disk.Filters);

        disk.Write(700, [42]);

        byte[] stored = new byte[1];
        image.Read(700, stored);
        Assert.Equal(lower.Change(700, upper.Change(700, 42)), stored[0]);
        byte[] read = new byte[1];
        await disk.ReadAsync(700, read, Token);
        Assert.Equal(42, read[0]);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(512, false)]
    [InlineData(4096, false)]
    [InlineData(65536, false)]
    [InlineData(512, true)]
    public async Task RandomRequests_OfAllKinds_ReadAsTheModel(int unit, bool keepsZeroes)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed);

        // The end of the disk is no end of a unit.
        var image = new BlockImage("top", Size + 1536, 512) { ShortAnswers = 1, TableMisses = 2, Waits = 3 };
        using VirtualDisk disk = TestDisks.Compose(image, TestDisks.Filled("base", Size, Block, 5));
        await disk.AddFilterAsync(new XorFilter(3, unit, keepsZeroes), Token);
        byte[] model = TestDisks.ReadAll(disk);
        using Stream stream = disk.AsStream();
        for (int i = 0; i < 2000; i++)
        {
            bool isAsync = random.Next(2) == 0;
            int offset = random.Next(model.Length);
            int length = Math.Min(random.Next(1, random.Next(2) == 0 ? 600 : 20_000), model.Length - offset);
            Memory<byte> mine = model.AsMemory(offset, length);
            byte[] read = new byte[length];
            switch (random.Next(8))
            {
                case 0 or 1:
                    random.NextBytes(mine.Span);
                    await (isAsync ? disk.WriteAsync(offset, mine) : Do(() => disk.Write(offset, mine.Span)));
                    break;
                case 2:
                    random.NextBytes(mine.Span);
                    ReadOnlyMemory<byte>[] list = [mine[..(length / 3)], mine[(length / 3)..]];
                    await (isAsync ? disk.WriteAsync(offset, list) : Do(() => disk.Write(offset, list)));
                    break;
                case 3:
                    mine.Span.Clear();
                    await (isAsync ? disk.WriteZeroesAsync(offset, length) : Do(() => disk.WriteZeroes(offset, length)));
                    break;
                case 4:
                    await (isAsync ? disk.DiscardAsync(offset, length) : Do(() => disk.Discard(offset, length)));
                    disk.Read(offset, read);
                    for (int at = 0; at < length; at++)
                    {
                        Assert.True(read[at] == mine.Span[at] || read[at] == 0);
                    }

                    read.CopyTo(mine);
                    break;
                case 5:
                    Memory<byte>[] parts = [read.AsMemory(0, length / 2), read.AsMemory(length / 2)];
                    await (isAsync ? disk.ReadAsync(offset, parts) : Do(() => disk.Read(offset, parts)));
                    Assert.True(mine.Span.SequenceEqual(read), $"request {i}");
                    break;
                case 6:
                    stream.Position = offset;
                    await stream.ReadExactlyAsync(read, Token);
                    Assert.True(mine.Span.SequenceEqual(read), $"request {i}");
                    break;
                default:
                    await (isAsync ? disk.ReadAsync(offset, read) : Do(() => disk.Read(offset, read)));
                    Assert.True(mine.Span.SequenceEqual(read), $"request {i}");
                    break;
            }
        }

        Assert.Equal(model, TestDisks.ReadAll(disk));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EightThreads_ThatShareUnits_LoseNoAcknowledgedByte(bool isAsync)
    {
        const int Threads = 8;
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block) { ShortAnswers = 1, TableMisses = 2, Waits = 3 }, TestDisks.Filled("base", Size, 512, 7));
        await disk.AddFilterAsync(new XorFilter(3, Block), Token);
        await disk.AddFilterAsync(new XorFilter(4, 1024), Token);
        byte[] start = TestDisks.ReadAll(disk);
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() => WorkAsync(thread), Token)));

        async Task WorkAsync(int thread)
        {
            const int Stretch = Block / Threads;
            byte[] model = [.. start];
            var random = new Random((int)seed + thread);
            for (int i = 0; i < 800; i++)
            {
                int from = random.Next(Stretch);
                int length = random.Next(1, Stretch - from + 1);
                int offset = (random.Next(Size / Block) * Block) + (thread * Stretch) + from;
                Memory<byte> mine = model.AsMemory(offset, length);
                byte[] read = new byte[length];
                switch (random.Next(4))
                {
                    case 0:
                        mine.Span.Clear();
                        await (isAsync ? disk.WriteZeroesAsync(offset, length) : Do(() => disk.WriteZeroes(offset, length)));
                        break;
                    case 1:
                        await (isAsync ? disk.ReadAsync(offset, read) : Do(() => disk.Read(offset, read)));
                        Assert.True(mine.Span.SequenceEqual(read), $"thread {thread}, request {i}: {length} bytes at {offset}");
                        break;
                    default:
                        random.NextBytes(mine.Span);
                        await (isAsync ? disk.WriteAsync(offset, mine) : Do(() => disk.Write(offset, mine.Span)));
                        break;
                }
            }
        }
    }

    [Fact]
    public async Task Maps_ThroughAFilterThatChangesBytes_NameDataAndNoPlace()
    {
        var image = new BlockImage("top", Size, Block);
        using VirtualDisk disk = TestDisks.Compose(image);
        disk.Write(Block, new byte[] { 1 });
        Assert.True(disk.Limits.CanZeroFast == disk.CanZeroFast(0, Size));
        long place = disk.Map(Block, 1).StorageOffset;

        var counting = new GateFilter();
        await disk.AddFilterAsync(counting, Token);
        Assert.Equal(place, disk.Map(Block, 1).StorageOffset);
        await disk.RemoveFilterAsync(counting, Token);

        var keeping = new XorFilter(3, 512, keepsZeroes: true);
        await disk.AddFilterAsync(keeping, Token);
        Assert.True(disk.Map(0, 1).ReadsZero);
        Assert.Equal((ExtentKind.Data, Extent.NoOffset), (disk.Map(Block, 1).Kind, disk.Map(Block, 1).StorageOffset));
        Assert.False(disk.CanZeroFast(1, Size - 1));
        await disk.RemoveFilterAsync(keeping, Token);

        await disk.AddFilterAsync(new XorFilter(3, 512), Token);
        Assert.False(disk.Map(0, 1).ReadsZero);
        await foreach (DiskExtent extent in disk.MapAllAsync(0, Size, Token))
        {
            Assert.Equal((ExtentKind.Data, Extent.NoOffset), (extent.Kind, extent.StorageOffset));
        }

        Assert.False(disk.CanZeroFast(0, Size));
        Assert.False(disk.Limits.CanZeroFast);
        Assert.Equal(0, disk.Limits.DiscardGranularityBytes);
        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => disk.WriteZeroes(0, Block, WriteFlags.FastOnly)).Kind);
    }

    [Fact]
    public async Task WhatIsKnownWithoutAsking_IsDataThroughAFilterThatChangesZeros()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block), TestDisks.Filled("base", 2 * Block, Block, 9));
        disk.WriteZeroes(0, Block);
        Assert.Equal((ExtentKind.Zero, ExtentKind.Free), (KindAt(0), KindAt(4 * Block)));

        await disk.AddFilterAsync(new XorFilter(3, 512), Token);

        Assert.Equal((ExtentKind.Data, ExtentKind.Data), (KindAt(0), KindAt(4 * Block)));

        ExtentKind KindAt(long offset)
        {
            Assert.True(disk.TryMap(offset, Block, out Extent extent));
            return extent.Kind;
        }
    }

    [Fact]
    public async Task ChildDisk_SeesWhatTheFilterShows_AndKeepsContentFiltersWhereTheyAre()
    {
        using var test = new TestHost();
        var filter = new XorFilter(3, 512);
        using VirtualDisk parent = test.Host.OpenDisk(test.Qed("base.qed", Size), new DiskOpenOptions { Filters = [filter] });
        parent.Write(100, [1, 2, 3]);
        byte[] expected = TestDisks.ReadAll(parent);
        using (VirtualDisk child = test.Host.OpenDisk(test.Qed("child.qed", Size), new DiskOpenOptions { ParentDisk = parent }))
        {
            Assert.Equal(expected, TestDisks.ReadAll(child));
            child.Write(Block + 1, [9]);
            expected[Block + 1] = 9;
            Assert.Equal(expected, TestDisks.ReadAll(child));
            Assert.Equal(ImageErrorKind.InUse, (await Refusal(parent.RemoveFilterAsync(filter, Token).AsTask())).Kind);
            var second = new XorFilter(4, 1);
            Assert.Equal(ImageErrorKind.InUse, (await Refusal(parent.AddFilterAsync(second, Token).AsTask())).Kind);
            child.Close();
            await parent.AddFilterAsync(second, Token);
        }

        Assert.True(await parent.RemoveFilterAsync(filter, Token));
        parent.Close();
    }

    [Fact]
    public async Task Removing_ReturnsWhenNoRequestIsInside_AndNewOnesGoBy()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block));
        var gate = new GateFilter();
        await disk.AddFilterAsync(gate, Token);
        Task inside = disk.WriteAsync(0, new byte[] { 1 }, cancellationToken: Token).AsTask();
        Task<bool> removing = disk.RemoveFilterAsync(gate, Token).AsTask();
        disk.Write(Block, [2]);
        Assert.Equal((1, 1), (gate.Inside, gate.Seen));
        Assert.False(removing.IsCompleted);

        gate.Open.SetResult();
        Assert.True(await removing);
        Assert.Equal(0, gate.Inside);
        await inside;
        Assert.False(await disk.RemoveFilterAsync(gate, Token));
        await disk.AddFilterAsync(gate, Token);
    }

    [Fact]
    public async Task AddingAContentFilter_WaitsForWritesThatMissIt_AndKeepsNewOnesWaiting()
    {
        var image = new BlockImage("top", Size, Block);
        using VirtualDisk disk = TestDisks.Compose(image);
        var gate = new GateFilter();
        await disk.AddFilterAsync(gate, Token);
        Task before = disk.WriteAsync(0, new byte[] { 1 }, cancellationToken: Token).AsTask();
        var filter = new XorFilter(3, 1);
        Task adding = disk.AddFilterAsync(filter, Token).AsTask();
        Task after = Task.Run(() => disk.Write(Block, [2]), Token);
        Assert.False(adding.IsCompleted);
        await Task.Delay(20, Token);
        Assert.False(after.IsCompleted);

        gate.Open.SetResult();
        await Task.WhenAll(before, adding, after);
        byte[] stored = new byte[1];
        image.Read(0, stored);
        Assert.Equal(1, stored[0]);
        image.Read(Block, stored);
        Assert.Equal(filter.Change(Block, 2), stored[0]);
    }

    [Fact]
    public async Task AddingAContentFilter_WaitsForAWriteThatPassesNoFilterAtAll()
    {
        var image = new BlockImage("top", Size, Block);
        using VirtualDisk disk = TestDisks.Compose(image);
        using var isInside = new ManualResetEventSlim();
        using var mayGo = new ManualResetEventSlim();
        image.OnWrite = _ =>
        {
            isInside.Set();
            mayGo.Wait(Token);
        };
        Task before = Task.Run(() => disk.Write(0, [1]), Token);
        isInside.Wait(Token);
        Task adding = disk.AddFilterAsync(new XorFilter(3, 1), Token).AsTask();
        await Task.Delay(20, Token);
        Assert.False(adding.IsCompleted);
        mayGo.Set();
        await Task.WhenAll(before, adding);
    }

    [Fact]
    public async Task WritesThatWaitedForAnOperation_PassAFilterThatWasAddedMeanwhile()
    {
        using var test = new TestHost();
        using VirtualDisk disk = test.Host.OpenDisk(test.Qed("a.qed", Size));
        for (int round = 0; round < 20; round++)
        {
            var gate = new GateFilter();
            gate.Open.SetResult();
            Task snapshot = disk.SnapshotAsync(test[$"{round}.qed"], cancellationToken: Token).AsTask();
            Task adding = disk.AddFilterAsync(gate, Token).AsTask();
            Assert.True(adding.IsCompletedSuccessfully);
            await disk.WriteAsync(0, new byte[] { 1 }, cancellationToken: Token);
            Assert.Equal(1, gate.Seen);
            await snapshot;
            await disk.RemoveFilterAsync(gate, Token);
        }

        disk.Close();
    }

    [Fact]
    public async Task FiltersThatComeAndGo_UnderLoad_DisturbNobody()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block) { Waits = 3 });
        using var stop = new CancellationTokenSource();
        Task[] loads = [.. Enumerable.Range(0, 4).Select(thread => Task.Run(() => LoadAsync(thread), Token))];
        using var throttle = new ThrottleFilter(0);
        for (int i = 0; i < 200; i++)
        {
            var filter = new GateFilter();
            filter.Open.SetResult();
            await disk.AddFilterAsync(throttle, Token);
            await disk.AddFilterAsync(filter, Token);
            Assert.True(await disk.RemoveFilterAsync(throttle, Token));
            Assert.True(await disk.RemoveFilterAsync(filter, Token));
            Assert.Equal(0, filter.Inside);
        }

        await stop.CancelAsync();
        await Task.WhenAll(loads);

        async Task LoadAsync(int thread)
        {
            byte[] bytes = new byte[100];
            byte[] read = new byte[100];
            for (byte i = 0; !stop.IsCancellationRequested; i++)
            {
                bytes.AsSpan().Fill(i);
                await disk.WriteAsync(thread * Block, bytes, cancellationToken: Token);
                disk.Read(thread * Block, read);
                Assert.Equal(bytes, read);
            }
        }
    }

    [Fact]
    public async Task FilterThatCannotBe_IsRefused_AndNothingIsLeftBehind()
    {
        using var test = new TestHost();
        string path = test.Qed("a.qed", Size);
        var used = new GateFilter();
        var other = new GateFilter();
        using (VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block)))
        {
            await disk.AddFilterAsync(used, Token);
            Assert.Equal(ImageErrorKind.InUse, (await Refusal(disk.AddFilterAsync(used, Token).AsTask())).Kind);
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => test.Host.OpenDisk(path, new DiskOpenOptions { Filters = [other, used] })).Kind);
            Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal(disk.AddFilterAsync(new XorFilter(1, 3), Token).AsTask())).Kind);
            Assert.Equal([used], disk.Filters);
            disk.Close();
        }

        // The disk has given its filter free, and the failed opening the file and the other filter.
        using VirtualDisk next = test.Host.OpenDisk(path, new DiskOpenOptions { Filters = [other, used] });
        Assert.Equal([other, used], next.Filters);
        next.Close();
        Assert.Throws<ObjectDisposedException>(() => next.Read(0, new byte[1]));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await next.AddFilterAsync(new GateFilter(), Token));
    }

    [Fact]
    public async Task Closing_WaitsForRequestsInsideFilters()
    {
        VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block));
        var gate = new GateFilter();
        await disk.AddFilterAsync(gate, Token);
        Task write = disk.WriteAsync(0, new byte[] { 1 }, cancellationToken: Token).AsTask();
        Task closing = disk.CloseAsync().AsTask();
        Assert.False(closing.IsCompleted);
        gate.Open.SetResult();
        await write;
        await closing;
        Assert.False(await disk.RemoveFilterAsync(gate, Token));
    }

    [Fact]
    public async Task RequestsBeyondTheDisk_OrIntoAReadOnlyOne_DoNotReachAFilter()
    {
        using VirtualDisk disk = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, new BlockImage("top", Size, Block));
        var gate = new GateFilter();
        await disk.AddFilterAsync(gate, Token);
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Read(Size, new byte[1]));
        Assert.Equal(ImageErrorKind.ReadOnly, (await Refusal(disk.WriteAsync(0, new byte[1], cancellationToken: Token).AsTask())).Kind);
        Assert.Equal(0, gate.Seen);
    }

    [Fact]
    public async Task RequestsThroughAPlainFilter_AllocateNothing()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block));
        byte[] bytes = new byte[Block];
        disk.Write(0, bytes);
        using var throttle = new ThrottleFilter(long.MaxValue / 4);
        await disk.AddFilterAsync(throttle, Token);
        Assert.Equal(0, Allocations.LeastOf(100, _ => disk.Read(0, bytes)));
    }

    [Fact]
    public async Task Throttle_HoldsRequestsBack_BothForms()
    {
        var time = new FakeTime();
        using var throttle = new ThrottleFilter(1000, time: time);
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, Block));
        await disk.AddFilterAsync(throttle, Token);
        disk.Write(0, new byte[600]);
        Task read = disk.ReadAsync(0, new byte[1], Token).AsTask();
        Task<int> inline = Task.Run(() => { disk.Read(0, new byte[1]); return 1; }, Token);
        while (throttle.WaitingRequests < 2)
        {
            await Task.Delay(1, Token);
        }

        time.Advance(TimeSpan.FromMilliseconds(499));
        Assert.Equal(2, throttle.WaitingRequests);
        time.Advance(TimeSpan.FromMilliseconds(2));
        await Task.WhenAll(read, inline);
    }

    private static ValueTask Do(Action action)
    {
        action();
        return default;
    }

    private static async Task<ImageException> Refusal(Task task) => await Assert.ThrowsAsync<ImageException>(() => task);
}
