namespace QedVd.Host.Tests.Chains;

public sealed class RequestGateTests
{
    private const int Rounds = 200_000;

    private readonly RequestGate _gate = new();
    private int _inside;

    // Who left before an earlier closing was given up must not be taken for the last one of this closing.
    [Fact]
    public async Task Close_AfterOneThatWasGivenUp_WaitsForAllThatAreInside()
    {
        using var stop = new CancellationTokenSource();
        Task[] requests = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() => RunRequests(stop.Token), TestContext.Current.CancellationToken))];
        int early = 0;
        for (int i = 0; i < Rounds && early == 0; i++)
        {
            _ = _gate.CloseAsync();
            _gate.Reopen();
            await _gate.CloseAsync();
            for (int look = 0; look < 20; look++)
            {
                early += Volatile.Read(ref _inside);
            }

            _gate.Reopen();
        }

        await stop.CancelAsync();
        await Task.WhenAll(requests);
        Assert.Equal(0, early);
    }

    private void RunRequests(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (_gate.TryEnter())
            {
                Interlocked.Increment(ref _inside);
                Interlocked.Decrement(ref _inside);
                _gate.Exit();
            }
        }
    }
}
