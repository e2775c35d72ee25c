using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Filters;

public sealed class WaitingForFiltersTests
{
    private const int Block = 4096;
    private const int Size = 16 * Block;

    [Fact]
    public async Task Flush_ThatWaitsWhileAFilterIsPutInPlace_PassesIt()
    {
        var image = new BlockImage("top", Size, Block);
        using VirtualDisk disk = TestDisks.Compose(image);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var goOn = new ManualResetEventSlim();
        image.OnWrite = _ =>
        {
            reached.TrySetResult();
            goOn.Wait();
        };
        Task write = Task.Run(() => disk.Write(0, new byte[] { 1 }), TestContext.Current.CancellationToken);
        await reached.Task;
        var filter = new FlushFilter();
        Task adding = disk.AddFilterAsync(filter, TestContext.Current.CancellationToken).AsTask();

        // The filter stands in its place, closed, until the write has left.
        Task flush = disk.FlushAsync(TestContext.Current.CancellationToken).AsTask();
        Task synchronous = Task.Run(disk.Flush, TestContext.Current.CancellationToken);
        Assert.False(flush.IsCompleted);
        goOn.Set();
        await Task.WhenAll(write, adding, flush, synchronous);

        Assert.Equal(2, filter.Flushes);
    }

    private sealed class FlushFilter : DiskFilter
    {
        private int _flushes;

        public int Flushes => Volatile.Read(ref _flushes);

        public override FilterTraits Traits => FilterTraits.ChangesContent;

        public override void Flush(DiskRequests beneath)
        {
            Interlocked.Increment(ref _flushes);
            beneath.Flush();
        }

        public override ValueTask FlushAsync(DiskRequests beneath, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _flushes);
            return beneath.FlushAsync(cancellationToken);
        }
    }
}
