using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.TestKit;

public sealed class FakeTimeTests
{
    [Fact]
    public void Advance_FiresTimersInTheOrderOfTheirTimes_AtTheirTimes()
    {
        var time = new FakeTime();
        DateTimeOffset start = time.GetUtcNow();
        List<string> log = [];
        using ITimer late = time.CreateTimer(_ => log.Add($"late {(time.GetUtcNow() - start).TotalSeconds}"), null, TimeSpan.FromSeconds(5), Timeout.InfiniteTimeSpan);
        using ITimer often = time.CreateTimer(_ => log.Add($"often {(time.GetUtcNow() - start).TotalSeconds}"), null, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2));

        time.Advance(TimeSpan.FromSeconds(4.5));
        Assert.Equal(["often 2", "often 4"], log);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["often 2", "often 4", "late 5"], log);
        Assert.Equal(start.AddSeconds(5.5), time.GetUtcNow());
        Assert.Equal(1, time.PendingTimers);
    }

    [Fact]
    public void Dispose_TakesTheTimerAway()
    {
        var time = new FakeTime();
        int fired = 0;
        ITimer timer = time.CreateTimer(_ => fired++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        timer.Dispose();
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(0, fired);
        Assert.False(timer.Change(TimeSpan.Zero, TimeSpan.Zero));
    }

    [Fact]
    public async Task TaskDelay_EndsWhenTheClockGetsThere()
    {
        var time = new FakeTime();
        Task delay = Task.Delay(TimeSpan.FromMinutes(1), time, TestContext.Current.CancellationToken);
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.False(delay.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        await delay.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }
}
