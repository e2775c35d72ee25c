namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>That a grace period is one.</summary>
public sealed class RequestEpochsTests
{
    [Fact]
    public async Task WaitForEarlier_ToldByOneWhoLeftTheSlotLongAgo_WaitsForWhoIsInItNow()
    {
        RequestEpochs epochs = new();

        // Somebody leaves, is the last one, and is stopped before he has told anyone; two grace periods pass.
        epochs.Exit(epochs.Enter());
        await epochs.WaitForEarlierAsync<AsyncIo>(TestContext.Current.CancellationToken);
        await epochs.WaitForEarlierAsync<AsyncIo>(TestContext.Current.CancellationToken);
        int slot = epochs.Enter();
        Task waiting = epochs.WaitForEarlierAsync<AsyncIo>(TestContext.Current.CancellationToken).AsTask();
        epochs.Tell(slot);
        await Task.WhenAny(waiting, Task.Delay(100, TestContext.Current.CancellationToken));
        Assert.False(waiting.IsCompleted);
        epochs.Exit(slot);
        await waiting;
    }
}
