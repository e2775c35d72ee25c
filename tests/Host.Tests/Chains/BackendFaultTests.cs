using QedVd.Host.Tests.Maintenance;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

/// <summary>Whose mistake an exception of an image is, in requests, in maintenance and at the end; and the message names the level that threw it.</summary>
public sealed class BackendFaultTests
{
    private const int Size = 16 * SimulatedChain.Block;

    public static TheoryData<string> Maintained => ["resize", "shrink", "compact", "parent", "flags", "rearrange", "close"];

    [Theory]
    [MemberData(nameof(Maintained))]
    public async Task Maintenance_InWhichAnImageThrowsWhatItMayNot_IsAFaultThatNamesTheImage(string what)
    {
        foreach (Exception thrown in new Exception[] { new KeyNotFoundException("at 17"), new OperationCanceledException("by itself"), new ObjectDisposedException("its own") })
        {
            ThrowingImage? top = null;
            VirtualDisk disk = new SimulatedChain(Size, Size).Open(aroundTop: image => top = new ThrowingImage(image));
            top!.Thrown = thrown;

            ImageException exception = await Assert.ThrowsAsync<ImageException>(async () => await AskAsync(disk, what));

            Assert.Equal(ImageErrorKind.BackendFault, exception.Kind);
            Assert.Contains("level 0: the backend 'testblocks' failed while", exception.Message, StringComparison.Ordinal);
            Assert.Same(thrown, exception.InnerException);
            top.Thrown = null;
            await disk.DisposeAsync();
        }
    }

    [Fact]
    public async Task Progress_WhoseListenerThrows_IsTheListenersAffair()
    {
        VirtualDisk disk = new SimulatedChain(Size).Open(aroundTop: image => new ThrowingImage(image));

        await Assert.ThrowsAsync<InvalidTimeZoneException>(async () => await disk.CompactAsync(progress: new ThrowingListener()));
        await disk.DisposeAsync();
    }

    [Fact]
    public void Close_NamesTheLevelThatThrew_AndLetsWantOfMemoryAlone()
    {
        VirtualDisk disk = Throwing(new KeyNotFoundException("at 17"));
        Assert.StartsWith("parent: the backend ", Assert.Throws<ImageException>(disk.Close).Message, StringComparison.Ordinal);

        disk = Throwing(new InsufficientMemoryException());
        Assert.Throws<InsufficientMemoryException>(disk.Close);

        static VirtualDisk Throwing(Exception exception)
        {
            var parent = new ThrowingImage(TestDisks.Filled("parent", 65536, 4096, 1));
            VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 65536, 4096), parent);
            parent.Thrown = exception;
            return disk;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Composing_NamesTheLevelThatThrew(bool isAsync)
    {
        foreach (int depth in (int[])[0, 1])
        {
            ThrowingImage[] images = [new(new BlockImage("top", 65536, 4096)), new(new BlockImage("parent", 65536, 4096))];
            images[depth].Thrown = new KeyNotFoundException("at 17");
            var generation = new Generation([.. images.Select(image => new Level { Image = image, Path = image.Name, FormatId = "blocks" })]);

            ImageException exception = await Assert.ThrowsAsync<ImageException>(async () =>
                await (isAsync ? VirtualDisk.TellBeneathAsync<AsyncIo>(generation, default) : VirtualDisk.TellBeneathAsync<SyncIo>(generation, default)));

            Assert.Equal(ImageErrorKind.BackendFault, exception.Kind);
            Assert.StartsWith($"{images[depth].Name}: the backend ", exception.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TryMap_NamesTheLevelThatThrew()
    {
        var parent = new ThrowingImage(TestDisks.Filled("parent", 65536, 4096, 1));
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 65536, 4096), parent);
        parent.Thrown = new KeyNotFoundException("at 17");

        ImageException exception = Assert.Throws<ImageException>(() => disk.TryMap(0, 4096, out _));

        Assert.StartsWith("parent: the backend ", exception.Message, StringComparison.Ordinal);
        parent.Thrown = null;
    }

    [Fact]
    public void TryMap_KnowsNoMoreThanTheLevels_AndBelievesNoAnswerThatCannotBe()
    {
        using VirtualDisk unmet = TestDisks.Compose(new BlockImage("top", 65536, 4096), new BlockImage("parent", 65536, 4096) { TableMisses = 8 });
        Assert.False(unmet.TryMap(0, 4096, out _));

        using VirtualDisk lied = TestDisks.Compose(new BlockImage("top", 65536, 4096), new LongAnswers(TestDisks.Filled("parent", 65536, 4096, 1)));
        Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(() => lied.TryMap(0, 4096, out _)).Kind);
    }

    [Fact]
    public async Task Request_ThatTheImageSaysIsCancelled_IsThatOnlyWhenItIs()
    {
        var image = new ThrowingImage(TestDisks.Filled("image", 65536, 4096, 1));
        using VirtualDisk disk = TestDisks.Compose(image);
        using var cancellation = new CancellationTokenSource();
        byte[] buffer = new byte[512];
        foreach (Exception thrown in new Exception[] { new OperationCanceledException(), new ObjectDisposedException("its own") })
        {
            image.Thrown = thrown;
            Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(() => disk.Read(0, buffer)).Kind);
            Assert.Equal(ImageErrorKind.BackendFault, (await Assert.ThrowsAsync<ImageException>(async () => await disk.ReadAsync(0, buffer, cancellation.Token))).Kind);
            Assert.Equal(ImageErrorKind.BackendFault, (await Assert.ThrowsAsync<ImageException>(async () => await disk.WriteAsync(0, buffer, cancellationToken: cancellation.Token))).Kind);
            Assert.Equal(ImageErrorKind.BackendFault, (await Assert.ThrowsAsync<ImageException>(async () => await disk.FlushAsync(cancellation.Token))).Kind);
        }

        image.Thrown = new OperationCanceledException();
        image.BeforeThrowing = cancellation.Cancel;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await disk.ReadAsync(0, buffer, cancellation.Token));
        image.Thrown = null;
    }

    [Fact]
    public void Probe_ThatSaysItIsCancelled_IsAFault_AndTheOthersAreAsked()
    {
        var catalog = new BackendCatalog();
        catalog.Add(new FakeBackend("cancelling") { OnProbe = () => throw new OperationCanceledException(), OnOpen = _ => throw new OperationCanceledException() });
        catalog.Add(new FakeBackend("last") { OnProbe = () => new ProbeResult(ProbeConfidence.Certain, "mine") });

        ProbeReport report = new Prober(catalog).Probe(new SimulatedStorage());

        Assert.Equal("last", report.Best?.FormatId);
        Assert.True(report.Candidates.Single(candidate => candidate.FormatId == "cancelling").IsFault);
        Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(() => catalog.Get("cancelling").Open(new SimulatedStorage(), new ImageOpenOptions())).Kind);
    }

    private static async Task AskAsync(VirtualDisk disk, string what)
    {
        switch (what)
        {
            case "resize":
                await disk.ResizeAsync(2 * Size);
                break;
            case "shrink":
                await disk.ResizeAsync(Size / 2, mayShrink: true);
                break;
            case "compact":
                await disk.CompactAsync();
                break;
            case "rearrange":
                await disk.CommitAsync();
                break;
            case "flags":
                await disk.SetReadOnlyAsync(true);
                break;
            case "close":
                await disk.CloseAsync();
                break;
            default:
                await disk.FlattenAsync();
                break;
        }
    }

    private sealed class ThrowingListener : IProgress<OperationProgress>
    {
        public void Report(OperationProgress value) => throw new InvalidTimeZoneException("the listener's");
    }

    private sealed class LongAnswers(IDiskImage inner) : DelegatingImage(inner)
    {
        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            extent = new Extent(ExtentKind.Data, lengthBytes + 1);
            return true;
        }
    }

    private sealed class ThrowingImage(IDiskImage inner) : DelegatingImage(inner)
    {
        public Exception? Thrown { get; set; }

        public Action? BeforeThrowing { get; set; }

        public override ParentReference? Parent => Inner.Parent;

        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            Throw();
            return base.TryMap(offset, lengthBytes, out extent);
        }

        public override ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
        {
            Throw();
            return Inner.ResizeAsync(virtualSizeBytes, mayShrink, progress, cancellationToken);
        }

        public override ValueTask CompactAsync(CompactOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
        {
            Throw();
            progress?.Report(new OperationProgress(0, 1, "compacting"));
            return Inner.CompactAsync(options, progress, cancellationToken);
        }

        public override ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
        {
            Throw();
            return Inner.SetOpenFlagsAsync(flags, cancellationToken);
        }

        public override ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default)
        {
            Throw();
            return Inner.SetParentAsync(parent, cancellationToken);
        }

        protected override ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
        {
            Throw();
            return base.SetBeneathCore<TIo>(beneath, cancellationToken);
        }

        protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
        {
            Throw();
            return base.ReadCore<TIo>(offset, buffer, cancellationToken);
        }

        protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        {
            Throw();
            return base.WriteCore<TIo>(offset, buffer, flags, cancellationToken);
        }

        protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
        {
            Throw();
            return base.FlushCore<TIo>(cancellationToken);
        }

        protected override async ValueTask CloseCore<TIo>()
        {
            await base.CloseCore<TIo>();
            Throw();
        }

        private void Throw()
        {
            if (Thrown is not null)
            {
                BeforeThrowing?.Invoke();
                throw Thrown;
            }
        }
    }
}
