using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Guests that write into one block while what lies beneath it changes.</summary>
public sealed class PullRaceTests
{
    private const int Block = PullChain.Block;

    [Fact]
    public async Task WriterFromBeforeTheChange_AndOneFromAfterIt_DoNotLoseEachOthersBytes()
    {
        // Beneath block 10 of the top lies nothing that reads other than zero, so that the flatten leaves it free.
        var chain = new PullChain(isQed: false);
        HeldImage held = null!;
        VirtualDisk disk = chain.Open(around: image => held = new HeldImage(image, 10 * Block));
        Task first = Task.CompletedTask;
        held.BeforeNothing = () => first = Task.Run(async () => await disk.WriteAsync((10 * Block) + 5, new byte[] { 1 }));
        Task flatten = disk.FlattenAsync().AsTask();

        // The first one copies the block up, under the growth lock; a second one of the new generation, over nothing, would allocate it at once.
        await held.Reached;
        await Task.Delay(100);
        Task second = Task.Run(async () => await disk.WriteAsync((10 * Block) + 9, new byte[] { 2 }));
        await Task.WhenAny(second, Task.Delay(300));
        held.Release();
        await Task.WhenAll(first, second, flatten);

        byte[] bytes = TestDisks.ReadAll(disk);
        Assert.Equal((1, 2), (bytes[(10 * Block) + 5], bytes[(10 * Block) + 9]));
        await disk.DisposeAsync();
    }

    /// <summary>Holds the first write that allocates a given block. Somebody writes just before it is told that nothing lies beneath it.</summary>
    private sealed class HeldImage(IDiskImage inner, long offset) : DelegatingImage(inner)
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Action? BeforeNothing { get; set; }

        public Task Reached => _reached.Task.WaitAsync(TimeSpan.FromSeconds(30));

        public override ParentReference? Parent => Inner.Parent;

        public void Release() => _released.TrySetResult();

        public override ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default) => Inner.SetParentAsync(parent, cancellationToken);

        protected override async ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
        {
            if (beneath == Beneath.Nothing && BeforeNothing is { } write)
            {
                write();
                await Reached;
            }

            Inner.SetBeneath(beneath);
        }

        protected override async ValueTask<WriteResult> WriteCore<TIo>(long at, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        {
            if (BeforeNothing is not null && at == offset && (flags & WriteFlags.NoAllocate) == 0 && !_reached.Task.IsCompleted)
            {
                _reached.TrySetResult();
                await _released.Task;
            }

            return await TIo.WriteAsync(Inner, at, buffer, flags, cancellationToken);
        }
    }
}
