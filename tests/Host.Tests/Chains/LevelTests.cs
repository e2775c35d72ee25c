using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

/// <summary>What a level says of itself, and of a backend that fails in it.</summary>
public sealed class LevelTests
{
    private const int Block = 4096;

    [Fact]
    public void Path_IsTheLevelsOwn_ButOfAnOpenDiskWhatThatIsCalled()
    {
        var level = new Level { Image = new BlockImage("storage", Block, Block), Path = "/images/top", FormatId = "blocks", Warnings = ["w"], IsMutable = true };
        using VirtualDisk parent = TestDisks.Compose(new BlockImage("parent", Block, Block));
        var disk = new Level { Image = DiskAsImage.Over(parent), Path = "before", FormatId = DiskAsImage.FormatId };
        Level moved = level.At("/images/moved");

        Assert.Equal(["/images/top", "parent", "/images/moved"], new[] { level, disk, moved }.Select(each => each.Path));
        Assert.Equal((level.Image, level.FormatId, level.Warnings, true), (moved.Image, moved.FormatId, moved.Warnings, moved.IsMutable));
        disk.Image.Close();
    }

    [Theory]
    [InlineData(StorageFacts.HasImageLocks, true)]
    [InlineData(StorageFacts.HasImageLocks | StorageFacts.CanPunchHoles, true)]
    [InlineData(StorageFacts.CanPunchHoles, false)]
    [InlineData(null, false)]
    public void Description_SaysWhetherOthersAreKeptOut(StorageFacts? facts, bool expected)
    {
        using SimulatedStorage? storage = facts is { } known ? new SimulatedFile("file", known).Open() : null;
        var level = new Level { Image = new BlockImage("image", Block, Block), Path = "image", FormatId = "blocks", Storage = storage };

        Assert.Equal(expected, level.DescribeImage().HasImageLocks);
    }

    [Fact]
    public void Description_InWhichTheImageThrowsWhatItMayNot_IsAFault()
    {
        var thrown = new KeyNotFoundException("at 17");
        var level = new Level { Image = new FailingImage(thrown), Path = "/images/top", FormatId = "blocks" };

        foreach (Action describe in (Action[])[() => level.Describe(0), () => level.DescribeImage(), () => level.GetFileSize(), () => level.GetCreationOptions()])
        {
            ImageException fault = Assert.Throws<ImageException>(describe);

            Assert.Equal((ImageErrorKind.BackendFault, "describing", "/images/top", null), (fault.Kind, fault.Operation, fault.Path, fault.OffsetBytes));
            Assert.StartsWith("/images/top: the backend 'blocks' failed while describing it (", fault.Message, StringComparison.Ordinal);
            Assert.Same(thrown, fault.InnerException);
        }
    }

    [Fact]
    public void Fault_NamesThePluginThatTheBackendCameFrom()
    {
        var backend = new NotingBackend();
        foreach ((IImageBackend? lent, string title) in ((IImageBackend?, string)[])[
            (new RegisteredBackend(backend, backend.Info, "formats.dll"), "backend 'qed' of plugin 'formats.dll'"), (new RegisteredBackend(backend, backend.Info, null), "backend 'qed'"), (backend, "backend 'id'"), (null, "backend 'id'")])
        {
            var level = new Level { Image = new BlockImage("image", Block, Block), Path = "top", FormatId = "id", Lease = lent is null ? null : new BackendLease(lent, null) };

            Assert.StartsWith($"top: the {title} failed while reading it at offset 5 (", level.Fault("reading", 5, new KeyNotFoundException()).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task TurnThatHasEnded_IsCancelledByNobodyAnyMore_AndTheNextOneBegins()
    {
        using var changes = new SemaphoreSlim(1, 1);
        using var closing = new CancellationTokenSource();
        MaintenanceTurn turn = await MaintenanceTurn.EnterAsync(changes, closing.Token, TestContext.Current.CancellationToken);
        CancellationToken token = turn.Token;
        Assert.Equal(0, changes.CurrentCount);

        turn.Dispose();
        await closing.CancelAsync();

        Assert.False(token.IsCancellationRequested);
        Assert.Equal(1, changes.CurrentCount);
    }

    private sealed class FailingImage(Exception thrown) : DelegatingImage(new BlockImage("storage", Block, Block))
    {
        public override IReadOnlyDictionary<string, string> CreationOptions => throw thrown;

        public override ImageFileSize GetFileSize() => throw thrown;
    }
}
