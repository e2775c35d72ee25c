using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a push tells, and what it gives back at its end.</summary>
public sealed class LevelPushTests : IDisposable
{
    private const int Block = 4096;
    private const int Units = 64 << 10;

    private readonly ProgressList _progress = new();
    private readonly RateLimiter _limiter = new(1L << 40, TimeProvider.System);
    private readonly BlockImage _source = TestDisks.Filled("source", 4 * Units, Block, 7);
    private readonly VirtualDisk _target = TestDisks.Compose(new BlockImage("target", 4 * Units, Block));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _target.Dispose();
        _limiter.Dispose();
    }

    [Fact]
    public async Task Copying_IsToldFromNothingToAll_AndAgainForWhatIsChanged()
    {
        using LevelPush push = Make(4 * Units);
        await push.CopyAllAsync(Stop);
        Assert.Equal([(0, 4 * Units), (4 * Units, 4 * Units)], Told());
        Assert.Equal(4 * Units, push.CopiedBytes);

        var changes = new ChangeTracker(4 * Units);
        changes.Mark(Units + 5, Units);
        await push.CopyChangedAsync(changes, Stop);
        Assert.Equal([(0, 4 * Units), (4 * Units, 4 * Units), (4 * Units, 6 * Units), (6 * Units, 6 * Units)], Told());
        Assert.Equal(6 * Units, push.CopiedBytes);
        Assert.All(_progress.Reports, report => Assert.Equal("a phase", report.Phase));
        Assert.Equal(7, TestDisks.ReadAll(_target)[^1]);
    }

    [Fact]
    public async Task ATotalThatIsTooSmall_GrowsWithWhatIsCopied_AndALargerOneStays()
    {
        using (LevelPush push = Make(1000))
        {
            await push.CopyAllAsync(Stop);
            Assert.Equal([(0, 1000), (4 * Units, 4 * Units)], Told());
        }

        using LevelPush other = Make(9 * Units);
        var changes = new ChangeTracker(4 * Units);
        changes.Mark(0, 1);
        await other.CopyChangedAsync(changes, Stop);
        Assert.Equal([(0, 9 * Units), (Units, 9 * Units)], Told()[2..]);
    }

    [Fact]
    public async Task NothingChanged_IsToldOnce()
    {
        using LevelPush push = Make(0);
        await push.CopyChangedAsync(new ChangeTracker(4 * Units), Stop);
        Assert.Equal([(0, 0)], Told());
        Assert.Equal(0, push.CopiedBytes);
    }

    /// <summary>Whoever waits for its turn is let go.</summary>
    [Fact]
    public void AtItsEnd_NothingIsHeldBackAnyMore()
    {
        Make(0).Dispose();
        Assert.Equal(0, _limiter.BytesPerSecond);
    }

    [Fact]
    public void WhatIsWritten_IsMadeDurableEarly()
    {
        var file = new SimulatedFile("target");
        using SimulatedStorage storage = file.Open();
        using var push = new LevelPush([Of(_source)], _target, _limiter, new EarlyBarriers(storage), 0, "a phase", null);
        push.Note((32 << 20) - 1);
        Assert.Equal(0, file.CountOf(StorageOperationKind.Barrier));
        push.Note(1);
        Assert.Equal(1, file.CountOf(StorageOperationKind.Barrier));
    }

    [Theory]
    [InlineData(512, 256 << 10)]
    [InlineData(256 << 10, 256 << 10)]
    [InlineData(1 << 20, 1 << 20)]
    [InlineData(4 << 20, 4 << 20)]
    [InlineData(8 << 20, 4 << 20)]
    public void Pieces_AreTheTargetsBlocks_WithinBounds(int blockBytes, int pieceBytes)
    {
        using VirtualDisk target = TestDisks.Compose(new BlockImage("target", 16 << 20, blockBytes));
        using var push = new LevelPush([Of(_source)], target, _limiter, new EarlyBarriers(null), 0, "a phase", null);
        Assert.Equal(pieceBytes, push.PieceBytes);
    }

    private static Level Of(IDiskImage image) => new() { Image = image, Path = image.Name, FormatId = image.Backend.Id };

    private LevelPush Make(long totalBytes) => new([Of(_source)], _target, _limiter, new EarlyBarriers(null), totalBytes, "a phase", _progress);

    private (long, long)[] Told() => [.. _progress.Reports.Select(report => (report.DoneBytes, report.TotalBytes))];
}
