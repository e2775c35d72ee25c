using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a push asks its target for, request by request.</summary>
public sealed class PushWorkerTests
{
    private const int Block = 4096;
    private const int Mega = 1 << 20;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Longer than a buffer: they are not read. What reads as zero in the target itself stays, whatever happens beneath.</summary>
    [Theory]
    [InlineData(false, "zero 4096+4096 NoAllocate, MayUnmap")]
    [InlineData(true, "zero 4096+4096 NoAllocate, MayUnmap", "zero 12288+1036288 NoAllocate, MayUnmap", "zero 12288+1036288 MayUnmap")]
    public async Task Zeros_AreMarkedOverData_AndOverWhatMayChange(bool isMutable, params string[] asked)
    {
        TracedImage target = new("target", Mega, Block, ExtentKind.Free);
        target.Set(0, Block, ExtentKind.Zero);
        target.Set(Block, Block, ExtentKind.Data);
        target.Set(2 * Block, Block, ExtentKind.Zero);
        using VirtualDisk disk = Disk(target, isMutable);

        Assert.Equal(0, await PushAsync(new TracedImage("source", Mega, Block, ExtentKind.Zero), disk, Stop));

        Assert.Equal(asked, target.Asked);
    }

    /// <summary>All of it was read together; it stops all the same between what is written.</summary>
    [Theory]
    [InlineData(ExtentKind.Data, "write 0+4096 NoAllocate")]
    [InlineData(ExtentKind.Zero, "zero 0+4096 NoAllocate, MayUnmap")]
    public async Task Cancelling_StopsBetweenTwoRuns(ExtentKind kind, string asked)
    {
        using var cancel = new CancellationTokenSource();
        TracedImage source = new("source", 8 * Block, Block, ExtentKind.Free, 7);
        TracedImage target = new("target", 8 * Block, Block, ExtentKind.Data);
        for (int i = 0; i < 8; i += 2)
        {
            source.Set(i * Block, Block, kind);
        }

        using VirtualDisk disk = Disk(new Watched(target, cancel.Cancel), isMutable: false);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await PushAsync(source, disk, cancel.Token));

        Assert.Equal([asked], target.Asked);
    }

    [Fact]
    public async Task Cancelling_StopsWithinLongZeros_BetweenWhatTheTargetHolds()
    {
        using var cancel = new CancellationTokenSource();
        TracedImage target = new("target", 8 * Block, Block, ExtentKind.Data);
        target.Set(Block, Block, ExtentKind.Zero);
        using VirtualDisk disk = Disk(new Watched(target, cancel.Cancel), isMutable: false);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await PushAsync(new TracedImage("source", 8 * Block, Block, ExtentKind.Zero), disk, cancel.Token));

        Assert.Equal(["zero 0+4096 NoAllocate, MayUnmap"], target.Asked);
    }

    private static async Task<long> PushAsync(TracedImage source, VirtualDisk target, CancellationToken cancellationToken)
    {
        using var limiter = new RateLimiter(1L << 40, TimeProvider.System);
        using var push = new LevelPush([Of(source)], target, limiter, new EarlyBarriers(null), 0, "a phase", null);
        await push.CopyAllAsync(cancellationToken);
        return push.CopiedBytes;
    }

    private static VirtualDisk Disk(IDiskImage target, bool isMutable)
    {
        Level beneath = new() { Image = new TracedImage("base", Mega, Block, ExtentKind.Zero), Path = "base", FormatId = "traced", IsMutable = isMutable };
        var generation = new Generation([Of(target), beneath]);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        return new VirtualDisk(generation, new DiskOpenOptions(), host: null, number: 0, NullLogger.Instance);
    }

    private static Level Of(IDiskImage image) => new() { Image = image, Path = image.Name, FormatId = image.Backend.Id };

    /// <summary>Tells of each change that it has made.</summary>
    private sealed class Watched(IDiskImage inner, Action afterChange) : DelegatingImage(inner)
    {
        protected override async ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        {
            WriteResult result = await base.WriteCore<TIo>(offset, buffer, flags, CancellationToken.None);
            afterChange();
            return result;
        }

        protected override async ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        {
            WriteResult result = await base.WriteZeroesCore<TIo>(offset, lengthBytes, flags, CancellationToken.None);
            afterChange();
            return result;
        }
    }
}
