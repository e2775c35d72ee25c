using System.Runtime.CompilerServices;

namespace QedVd.Host.Tests.Chains;

/// <summary>The states of a gate, one after the other; what threads make of them is in <see cref="RequestGateTests"/>.</summary>
public sealed class RequestGateStatesTests
{
    private readonly RequestGate _gate = new();

    [Fact]
    public void GateThatNobodyIsIn_ClosesAtOnce()
    {
        Assert.True(_gate.TryEnter());
        _gate.Exit();

        Assert.True(_gate.CloseAsync().IsCompletedSuccessfully);
        Assert.False(_gate.TryEnter());
        Assert.False(_gate.TryEnter());
    }

    [Fact]
    public async Task Closing_WaitsForTheLastThatIsInside_AndTurnsAwayWhoComes()
    {
        Assert.True(_gate.TryEnter());
        Assert.True(_gate.TryEnter());
        Task closing = _gate.CloseAsync();

        Assert.False(_gate.TryEnter());
        _gate.Exit();
        Assert.False(_gate.TryEnter());
        Assert.False(closing.IsCompleted);
        _gate.Exit();

        await closing.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(_gate.TryEnter());
    }

    [Fact]
    public async Task ReopenedGate_LetsIn_WakesThoseWhoWait_AndClosesAgain()
    {
        await _gate.CloseAsync();
        Task open = _gate.WhenOpen;
        Assert.False(open.IsCompleted);

        _gate.Reopen();

        await open.WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(_gate.TryEnter());
        Task closing = _gate.CloseAsync();
        Assert.False(_gate.WhenOpen.IsCompleted);
        Assert.False(closing.IsCompleted);
        _gate.Exit();
        await closing.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task ClosingThatIsGivenUp_LeavesThoseInsideAlone_AndTheNextWaitsForThem()
    {
        Assert.True(_gate.TryEnter());
        Task first = _gate.CloseAsync();
        _gate.Reopen();
        Assert.True(_gate.TryEnter());
        _gate.Exit();
        Assert.False(first.IsCompleted);

        Task second = _gate.CloseAsync();
        Assert.False(second.IsCompleted);
        _gate.Exit();

        await second.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task ClosedGate_WakesThoseWhoWait_AndStaysClosed()
    {
        await _gate.CloseAsync();
        Task open = _gate.WhenOpen;

        _gate.WakeWaiters();

        await open.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(_gate.TryEnter());
    }

    [Fact]
    public async Task SignalOfOneThatLeftBeforeAnEarlierClosingWasGivenUp_DoesNotEndThisOne()
    {
        Assert.True(_gate.TryEnter());
        Task closing = _gate.CloseAsync();
        for (int late = 0; late < 2; late++)
        {
            TaskCompletionSource signal = Drained(_gate)!;
            signal.SetResult();
            while (Volatile.Read(ref Drained(_gate)) == signal && !closing.IsCompleted)
            {
                await Task.Yield();
            }

            Assert.False(closing.IsCompleted);
        }

        _gate.Exit();
        await closing.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task LateSignalOfAClosingThatWasGivenUp_LeavesTheNextOneAlone()
    {
        Assert.True(_gate.TryEnter());
        Task first = _gate.CloseAsync();
        TaskCompletionSource signal = Drained(_gate)!;
        _gate.Reopen();
        Task second = _gate.CloseAsync();

        signal.SetResult();
        await first.WaitAsync(TestContext.Current.CancellationToken);

        Assert.False(second.IsCompleted);
        _gate.Exit();
        await second.WaitAsync(TestContext.Current.CancellationToken);
    }

    // Between a leaver's count and its signal there is no other way in.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_drained")]
    private static extern ref TaskCompletionSource? Drained(RequestGate gate);
}
