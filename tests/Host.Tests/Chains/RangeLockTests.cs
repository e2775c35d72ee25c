namespace QedVd.Host.Tests.Chains;

public sealed class RangeLockTests
{
    [Fact]
    public async Task Ranges_ThatOverlap_AreServedInOrder_OthersAtOnce()
    {
        var ranges = new RangeLock();
        RangeLock.Entry first = await ranges.EnterAsync<AsyncIo>(0, 10, default);
        Task<RangeLock.Entry> second = ranges.EnterAsync<AsyncIo>(5, 20, default).AsTask();
        Task<RangeLock.Entry> third = ranges.EnterAsync<AsyncIo>(15, 30, default).AsTask();
        Task<RangeLock.Entry> aside = ranges.EnterAsync<AsyncIo>(30, 40, default).AsTask();

        Assert.True(aside.IsCompleted);
        Assert.False(second.IsCompleted || third.IsCompleted);
        ranges.Exit(first);
        RangeLock.Entry held = await second;
        Assert.False(third.IsCompleted);
        ranges.Exit(held);
        ranges.Exit(await third);
        ranges.Exit(await aside);
    }

    [Fact]
    public async Task Waiter_ThatGivesUp_IsInNobodysWay()
    {
        var ranges = new RangeLock();
        RangeLock.Entry first = await ranges.EnterAsync<AsyncIo>(0, 10, default);
        using var cancel = new CancellationTokenSource();
        Task<RangeLock.Entry> second = ranges.EnterAsync<AsyncIo>(0, 20, cancel.Token).AsTask();
        Task<RangeLock.Entry> third = ranges.EnterAsync<AsyncIo>(10, 20, default).AsTask();
        Assert.False(third.IsCompleted);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        ranges.Exit(await third);
        ranges.Exit(first);
        ranges.Exit(await ranges.EnterAsync<AsyncIo>(0, 100, default));
    }

    [Fact]
    public async Task SynchronousWaiter_BlocksUntilItsTurn()
    {
        var ranges = new RangeLock();
        RangeLock.Entry first = await ranges.EnterAsync<AsyncIo>(0, 10, default);
        Task<RangeLock.Entry> second = Task.Run(() => SyncIo.Complete(ranges.EnterAsync<SyncIo>(0, 10, default)), TestContext.Current.CancellationToken);
        Assert.False(second.IsCompleted);
        ranges.Exit(first);
        ranges.Exit(await second);
    }
}
