namespace QedVd.Host.Tests.Chains;

/// <summary>What an open disk says of itself as a level, and in which form it is asked.</summary>
public sealed class DiskAsImageTests
{
    private const int Block = 4096;

    [Fact]
    public void OpenDisk_SaysWhatItIs()
    {
        using VirtualDisk parent = TestDisks.Compose(new BlockImage("parent", 4 * Block, Block));
        using var image = DiskAsImage.Over(parent);

        Assert.Equal(("disk", "open disk"), (image.Backend.Id, image.Backend.DisplayName));
        Assert.Equal((ImageCapabilities.Asynchronous, ImageFlags.None, ImageOpenFlags.ReadOnly), (image.Capabilities, image.Flags, image.OpenFlags));
        Assert.Equal(("parent", 4L * Block), (image.Name, image.VirtualSizeBytes));
        Assert.Equal(new ImageLimits(1, 1, Block), image.Limits);
        Assert.Equal(new ImageFileSize(0, 0), image.GetFileSize());
    }

    [Fact]
    public void DiskThatIsBeingChanged_SaysWhyItIsNoParentNow()
    {
        using VirtualDisk parent = TestDisks.Compose(new BlockImage("parent", 4 * Block, Block));
        Assert.True(parent.Children.TryClose());

        ImageException refused = Assert.Throws<ImageException>(() => DiskAsImage.Over(parent));

        Assert.Equal((ImageErrorKind.InUse, "parent", "open parent"), (refused.Kind, refused.Path, refused.Operation));
        Assert.Equal("parent: this disk is being shrunk or made writable, and cannot become a parent before that has ended. Try again then.", refused.Message);
        parent.Children.Reopen();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OpenDisk_IsAskedInTheFormThatItsChildIsAskedIn(bool isAsync)
    {
        var level = new FormImage(TestDisks.Filled("parent", 4 * Block, Block, 7));
        using VirtualDisk parent = TestDisks.Compose(level);
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 4 * Block, Block), DiskAsImage.Over(parent));
        byte[] one = new byte[1];

        if (isAsync)
        {
            Assert.Equal(ExtentKind.Data, (await disk.MapAsync(0, 1, TestContext.Current.CancellationToken)).Kind);
            await disk.ReadAsync(0, one, TestContext.Current.CancellationToken);
        }
        else
        {
            Assert.Equal(ExtentKind.Data, disk.Map(0, 1).Kind);
            disk.Read(0, one);
        }

        Assert.Equal([!isAsync, !isAsync], level.WereSynchronous);
        Assert.Equal(7, one[0]);
    }

    /// <summary>Notes in which form it is mapped and read.</summary>
    private sealed class FormImage(IDiskImage inner) : DelegatingImage(inner)
    {
        public List<bool> WereSynchronous { get; } = [];

        protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        {
            WereSynchronous.Add(TIo.IsSynchronous);
            return base.MapCore<TIo>(offset, lengthBytes, cancellationToken);
        }

        protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
        {
            WereSynchronous.Add(TIo.IsSynchronous);
            return base.ReadCore<TIo>(offset, buffer, cancellationToken);
        }
    }
}
