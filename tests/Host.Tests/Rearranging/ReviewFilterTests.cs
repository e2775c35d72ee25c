using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Filters;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Filters that come and go while requests are inside a stack that another one has taken the place of.</summary>
public sealed class ReviewFilterTests
{
    private const int Block = 4096;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CacheAddedWhileAWriteIsInAnEarlierStack_DoesNotMissTheWrite()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 32 * Block, Block));
        var gate = new GateFilter();
        await disk.AddFilterAsync(gate, Token);
        Task write = disk.WriteAsync(0, new byte[] { 42 }, cancellationToken: Token).AsTask();
        await disk.AddFilterAsync(new ThrottleFilter(0), Token);
        Task add = disk.AddFilterAsync(new ReadCacheFilter(1 << 20, Block), Token).AsTask();
        byte[] read = new byte[1];
        if (add.IsCompleted)
        {
            disk.Read(0, read);
        }

        gate.Open.SetResult();
        await write;
        await add;
        disk.Read(0, read);
        Assert.Equal(42, read[0]);
    }

    [Fact]
    public async Task RemovedFilter_IsLeftByRequestsOfAnEarlierStackToo()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 32 * Block, Block));
        var gate = new GateFilter();
        await disk.AddFilterAsync(gate, Token);
        Task write = disk.WriteAsync(0, new byte[] { 42 }, cancellationToken: Token).AsTask();
        await disk.AddFilterAsync(new ThrottleFilter(0), Token);
        Task<bool> removal = disk.RemoveFilterAsync(gate, Token).AsTask();
        Assert.False(removal.IsCompleted);
        gate.Open.SetResult();
        await write;
        Assert.True(await removal);
        Assert.Equal(0, gate.Inside);
    }
}
