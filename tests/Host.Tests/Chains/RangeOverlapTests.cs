namespace QedVd.Host.Tests.Chains;

public sealed class RangeOverlapTests
{
    private readonly RangeLock _ranges = new();

    [Theory]
    [InlineData(0, 10, true)]
    [InlineData(0, 11, false)]
    [InlineData(19, 30, false)]
    [InlineData(20, 30, true)]
    [InlineData(12, 15, false)]
    [InlineData(0, 100, false)]
    [InlineData(10, 20, false)]
    public async Task Range_WaitsForThoseThatShareAByteWithIt(long start, long end, bool isFree)
    {
        RangeLock.Entry held = await _ranges.EnterAsync<AsyncIo>(10, 20, default);

        Task<RangeLock.Entry> other = _ranges.EnterAsync<AsyncIo>(start, end, default).AsTask();

        Assert.Equal(isFree, other.IsCompleted);
        _ranges.Exit(held);
        RangeLock.Entry entered = await other.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((start, end), (entered.StartBytes, entered.EndBytes));
        Assert.Null(entered.Granted);
    }

    [Fact]
    public async Task EachThatLeaves_LetsAllInThatWaitedForItOnly()
    {
        RangeLock.Entry all = await _ranges.EnterAsync<AsyncIo>(0, 100, default);
        RangeLock.Entry aside = await _ranges.EnterAsync<AsyncIo>(100, 110, default);
        Task<RangeLock.Entry>[] waiting = [.. Enumerable.Range(0, 11).Select(i => _ranges.EnterAsync<AsyncIo>(i * 10, (i * 10) + 10, default).AsTask())];
        Assert.DoesNotContain(waiting, task => task.IsCompleted);

        _ranges.Exit(all);

        await Task.WhenAll(waiting[..10]).WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(waiting[10].IsCompleted);
        _ranges.Exit(aside);
        await waiting[10].WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task HundredsThatCameAndWent_LeaveNothingBehind()
    {
        for (int round = 0; round < 3; round++)
        {
            RangeLock.Entry[] held = new RangeLock.Entry[200];
            for (int i = 0; i < held.Length; i++)
            {
                ValueTask<RangeLock.Entry> entering = _ranges.EnterAsync<AsyncIo>(i, i + 1, default);
                Assert.True(entering.IsCompletedSuccessfully);
                held[i] = await entering;
            }

            Assert.Equal(held.Length, held.Distinct().Count());
            Assert.All(held, _ranges.Exit);
        }
    }
}
