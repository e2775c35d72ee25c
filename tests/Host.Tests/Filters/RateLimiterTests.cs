using QedVd.TestKit;

namespace QedVd.Host.Tests.Filters;

public sealed class RateLimiterTests
{
    private const long Rate = 1000;

    private readonly FakeTime _time = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_OverTime_KeepToTheRate()
    {
        using var limiter = new RateLimiter(Rate, _time);
        await limiter.WaitAsync<AsyncIo>(100, Token);
        long bytes = 0;
        bool isOver = false;
        Task load = Task.Run(
            async () =>
            {
                while (!Volatile.Read(ref isOver))
                {
                    await limiter.WaitAsync<AsyncIo>(70, Token);
                    Interlocked.Add(ref bytes, 70);
                }
            },
            Token);
        for (int i = 0; i < 1000; i++)
        {
            await WhenAsync(() => _time.PendingTimers == 1);
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        // Ten seconds, less than one request to and fro; the first one goes when there is no debt left.
        await WhenAsync(() => _time.PendingTimers == 1);
        Assert.InRange(Interlocked.Read(ref bytes), 10_000 - 70, 10_000 + 140);
        Volatile.Write(ref isOver, true);
        limiter.Dispose();
        await load;
    }

    [Fact]
    public async Task Request_LargerThanTheBurst_PassesAndIsPaidForByTheNext()
    {
        using var limiter = new RateLimiter(Rate, _time);
        Assert.True(Ask(limiter, 2100).IsCompletedSuccessfully);

        Task next = Ask(limiter, 1);
        _time.Advance(TimeSpan.FromMilliseconds(1999));
        Assert.Equal(1, limiter.WaitingRequests);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await next;
    }

    [Fact]
    public void Pause_HoweverLong_IsWorthOneBurst()
    {
        using var limiter = new RateLimiter(Rate, _time);
        _time.Advance(TimeSpan.FromDays(1));
        Assert.True(Ask(limiter, 100).IsCompletedSuccessfully);
        Assert.True(Ask(limiter, 1).IsCompletedSuccessfully);
        Assert.False(Ask(limiter, 1).IsCompleted);
    }

    [Fact]
    public async Task Waiters_AreServedInOrder_ALargeOneIsNotOvertaken()
    {
        using var limiter = new RateLimiter(Rate, _time);
        SyncIo.Complete(limiter.WaitAsync<AsyncIo>(200, Token));
        Task large = Ask(limiter, 1000);
        Task small = Ask(limiter, 1);

        _time.Advance(TimeSpan.FromMilliseconds(100));
        await large;
        Assert.Equal(1, limiter.WaitingRequests);
        _time.Advance(TimeSpan.FromSeconds(1));
        await small;
    }

    [Fact]
    public void Newcomer_WhoFindsNoDebt_StandsBehindThoseWhoWait()
    {
        // The debt is paid half a millisecond before the timer, which knows whole ones only.
        using var limiter = new RateLimiter(10_000, _time);
        SyncIo.Complete(limiter.WaitAsync<AsyncIo>(1005, Token));
        Task first = Ask(limiter, 1);
        _time.Advance(TimeSpan.FromMicroseconds(500));
        Task second = Ask(limiter, 1);
        Assert.Equal(2, limiter.WaitingRequests);
        Assert.False(first.IsCompleted || second.IsCompleted);
    }

    [Fact]
    public async Task Waiter_ThatIsCancelled_HasTakenNothing()
    {
        using var limiter = new RateLimiter(Rate, _time);
        await limiter.WaitAsync<AsyncIo>(200, Token);
        using var cancel = new CancellationTokenSource();
        Task cancelled = limiter.WaitAsync<AsyncIo>(1_000_000, cancel.Token).AsTask();
        Task next = Ask(limiter, 1);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);

        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal(0, limiter.WaitingRequests);
        await next;
    }

    [Fact]
    public async Task RequestsPerSecond_CountWhateverTheyMove()
    {
        using var limiter = new RateLimiter(0, _time, requestsPerSecond: 10);
        Assert.True(Ask(limiter, 1L << 40).IsCompletedSuccessfully);
        Assert.True(Ask(limiter, 0).IsCompletedSuccessfully);
        Task next = Ask(limiter, 0);
        _time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(1, limiter.WaitingRequests);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await next;
    }

    [Fact]
    public async Task Rate_ThatIsRaised_CountsForThoseWhoWait()
    {
        using var limiter = new RateLimiter(1, _time);
        SyncIo.Complete(limiter.WaitAsync<AsyncIo>(1_000_000, Token));
        Task next = Ask(limiter, 1);
        limiter.SetRates(1_000_000, 0);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, limiter.WaitingRequests);
        await next;
    }

    [Fact]
    public async Task Rate_ThatIsLowered_MakesNoDebtLonger()
    {
        using var limiter = new RateLimiter(1_000_000, _time);
        SyncIo.Complete(limiter.WaitAsync<AsyncIo>(1_100_000, Token));
        Task next = Ask(limiter, 1);
        limiter.SetRates(1, 0);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, limiter.WaitingRequests);
        await next;
    }

    [Fact]
    public async Task Limit_ThatIsLifted_LetsEverybodyGo()
    {
        using var limiter = new RateLimiter(1, _time);
        SyncIo.Complete(limiter.WaitAsync<AsyncIo>(long.MaxValue, Token));
        Task[] waiters = [Ask(limiter, 1), Ask(limiter, long.MaxValue)];
        Assert.Equal(2, limiter.WaitingRequests);
        limiter.SetRates(0, 0);
        await Task.WhenAll(waiters);
    }

    [Fact]
    public async Task SynchronousWaiter_BlocksUntilItsTurn()
    {
        using var limiter = new RateLimiter(Rate, _time);
        SyncIo.Complete(limiter.WaitAsync<SyncIo>(600, Token));
        Task waiter = Task.Run(() => SyncIo.Complete(limiter.WaitAsync<SyncIo>(1, Token)), Token);
        await WhenAsync(() => _time.PendingTimers == 1);
        Assert.False(waiter.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(500));
        await waiter;
    }

    [Fact]
    public void Request_ThatNeedNotWait_AllocatesNothing()
    {
        using var free = new RateLimiter(0, _time);
        using var limited = new RateLimiter(long.MaxValue, _time, long.MaxValue);
        Assert.Equal(0, Allocations.LeastOf(100, i => SyncIo.Complete(free.WaitAsync<SyncIo>(i, default))));
        Assert.Equal(0, Allocations.LeastOf(100, i => SyncIo.Complete(limited.WaitAsync<SyncIo>(i, default))));
    }

    private static Task Ask(RateLimiter limiter, long bytes) => limiter.WaitAsync<AsyncIo>(bytes, Token).AsTask();

    private static async Task WhenAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(1, Token);
        }
    }
}
