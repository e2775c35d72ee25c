using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Faults;
using QedVd.Host.Tests.Filters;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

/// <summary>Where bytes lie tells something of what is read only where nothing stands between.</summary>
public sealed class PlacesTests
{
    private const int Size = 3 << 20;
    private const int Length = 4096;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Copy_OfADiskWithAFilter_SharesNoBlocks_AndHasWhatTheFilterShows()
    {
        byte[] content = CopyBench.Content(Size, 5);
        var from = new SharingStorage(new SimulatedFile("source", content: content).Open(readOnly: true), SharingStorage.Way.All);
        await using VirtualDisk source = Compose(new RawBackend(), from, readOnly: true);
        await source.AddFilterAsync(new XorFilter(9, 512), Stop);
        byte[] shown = TestDisks.ReadAll(source);
        (VirtualDisk target, SharingStorage into, SimulatedFile file) = MakeTarget();
        await using (target)
        {
            await new DiskCopier(source, target, null) { ShareInto = into, ZeroBlockBytes = 4096 }.RunAsync(Stop);
            await target.FlushAsync(Stop);
        }

        Assert.Equal(0, from.Calls);
        Assert.NotEqual(content, shown);
        Assert.Equal(shown, file.ReadBytes(0, Size));
    }

    [Fact]
    public async Task Copy_OfADiskThatIsWritten_SharesNoBlocks()
    {
        byte[] content = CopyBench.Content(Size, 6);
        var from = new SharingStorage(new SimulatedFile("source", content: content).Open(), SharingStorage.Way.All);
        await using VirtualDisk source = Compose(new RawBackend(), from, readOnly: false);
        (VirtualDisk target, SharingStorage into, SimulatedFile file) = MakeTarget();
        await using (target)
        {
            await new DiskCopier(source, target, null) { ShareInto = into, ZeroBlockBytes = 4096 }.RunAsync(Stop);
            await target.FlushAsync(Stop);
        }

        Assert.Equal(0, from.Calls);
        Assert.Equal(content, file.ReadBytes(0, Size));
    }

    [Fact]
    public async Task Copy_FromAStorageThatSharesNothing_IsWritten()
    {
        byte[] content = CopyBench.Content(Size, 7);
        await using VirtualDisk source = Compose(new RawBackend(), new SimulatedFile("source", content: content).Open(readOnly: true), readOnly: true);
        (VirtualDisk target, SharingStorage into, SimulatedFile file) = MakeTarget();
        await using (target)
        {
            await new DiskCopier(source, target, null) { ShareInto = into, ZeroBlockBytes = 4096 }.RunAsync(Stop);
            await target.FlushAsync(Stop);
        }

        Assert.Equal(content, file.ReadBytes(0, Size));
    }

    [Fact]
    public async Task Copy_IntoAFormatWithBlocks_SharesNone()
    {
        byte[] content = CopyBench.Content(Size, 8);
        var from = new SharingStorage(new SimulatedFile("source", content: content).Open(readOnly: true), SharingStorage.Way.All);
        await using VirtualDisk source = Compose(new RawBackend(), from, readOnly: true);
        var file = new SimulatedFile("target");
        await new QedBackend().CreateAsync(file.Open(), new ImageCreateOptions { VirtualSizeBytes = Size }, Stop);
        var into = new SharingStorage(file.Open(), SharingStorage.Way.All);
        await using VirtualDisk target = Compose(new QedBackend(), into, readOnly: false);

        await new DiskCopier(source, target, null) { ShareInto = into, ZeroBlockBytes = 4096 }.RunAsync(Stop);

        Assert.Equal(0, from.Calls);
        Assert.Equal(content, TestDisks.ReadAll(target));
    }

    [Fact]
    public async Task FixedFile_IsThatOfALevelThatIsOnlyRead_WithoutFilters()
    {
        using var test = new TestHost();
        using (VirtualDisk lower = test.Host.OpenDisk(test.Qed("base.qed", Size)))
        {
            lower.Write(0, [1]);
            lower.Close();
        }

        using VirtualDisk disk = test.Host.OpenDisk(test.Qed("top.qed", Size, "base.qed"));
        disk.Write(1 << 20, [2]);
        DiskExtent below = disk.Map(0, 1), top = disk.Map(1 << 20, 1), free = disk.Map(2 << 20, 1);

        Assert.Equal(FilePeek.At(test["base.qed"]).Identity, disk.FindFixedFile(below));
        Assert.Null(disk.FindFixedFile(top));
        Assert.Null(disk.FindFixedFile(free));
        Assert.Null(disk.FindFixedFile(below with { Path = test["top.qed"] }));
        var filter = new GateFilter();
        await disk.AddFilterAsync(filter, Stop);
        Assert.Null(disk.FindFixedFile(below));
        await disk.RemoveFilterAsync(filter, Stop);
        Assert.NotNull(disk.FindFixedFile(below));
    }

    [Theory]
    [InlineData(ExtentKind.Data, Length, 8192L, true, 1, true)]
    [InlineData(ExtentKind.Data, Length - 512, 8192L, true, 0, false)]
    [InlineData(ExtentKind.Data, Length, Extent.NoOffset, true, 0, false)]
    [InlineData(ExtentKind.Data, Length - 512, Extent.NoOffset, true, 0, false)]
    [InlineData(ExtentKind.Zero, Length, 8192L, true, 0, false)]
    [InlineData(ExtentKind.Data, Length, 8192L, false, 0, false)]
    public async Task Run_IsSharedWhereItLiesInOnePieceInAStorageThatCan(ExtentKind kind, int length, long storageOffset, bool canShare, int calls, bool isShared)
    {
        byte[] content = CopyBench.Content(Size, 9);
        var from = new CountingStorage(new SimulatedFile("source", content: content).Open(readOnly: true), canShare);
        IDiskImage raw = new RawBackend().Open(from, new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly });
        await using VirtualDisk source = Compose(new PlacedImage(raw, new Extent(kind, length, storageOffset)), from, readOnly: true);
        (VirtualDisk target, SharingStorage into, SimulatedFile file) = MakeTarget();
        await using (target)
        {
            Assert.Equal(isShared, source.TryShare(65536, Length, target, into, out bool isPossible));
            Assert.Equal((isShared || calls == 0, calls), (isPossible, from.Calls));
        }

        Assert.Equal(isShared ? content[8192..(8192 + Length)] : new byte[Length], file.ReadBytes(65536, Length));
    }

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(true, true, false)]
    public async Task Sharing_IsImpossible_OutOfAFilter_AndIntoBlocks(bool isFiltered, bool hasBlocks, bool isPossible)
    {
        await using VirtualDisk source = Compose(new RawBackend(), new SimulatedFile("source", content: CopyBench.Content(Size, 9)).Open(readOnly: true), readOnly: true);
        if (isFiltered)
        {
            await source.AddFilterAsync(new GateFilter(), Stop);
        }

        var file = new SimulatedFile("target");
        await (hasBlocks ? (IImageBackend)new QedBackend() : new RawBackend()).CreateAsync(file.Open(), new ImageCreateOptions { VirtualSizeBytes = Size }, Stop);
        IImageStorage into = file.Open();
        await using VirtualDisk target = Compose(hasBlocks ? new QedBackend() : new RawBackend(), into, readOnly: false);

        Assert.False(source.TryShare(65536, Length, target, into, out bool mayOthers));
        Assert.Equal(isPossible, mayOthers);
    }

    private static (VirtualDisk Disk, SharingStorage Storage, SimulatedFile File) MakeTarget()
    {
        var file = new SimulatedFile("target");
        using (SimulatedStorage storage = file.Open())
        {
            storage.SetLength(Size);
        }

        var into = new SharingStorage(file.Open(), SharingStorage.Way.All);
        return (Compose(new RawBackend(), into, readOnly: false), into, file);
    }

    private static VirtualDisk Compose(IImageBackend backend, IImageStorage storage, bool readOnly) =>
        Compose(backend.Open(storage, new ImageOpenOptions { Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None }), storage, readOnly);

    private static VirtualDisk Compose(IDiskImage image, IImageStorage storage, bool readOnly)
    {
        var generation = new Generation([new Level { Image = image, Path = storage.Name, FormatId = image.Backend.Id, Storage = storage }]);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        return new VirtualDisk(generation, new DiskOpenOptions { ReadOnly = readOnly }, host: null, number: 0, NullLogger.Instance);
    }

    /// <summary>Says of each run the same: what it is, how far, and where.</summary>
    private sealed class PlacedImage(IDiskImage inner, Extent extent) : DelegatingImage(inner)
    {
        public override bool TryMap(long offset, long lengthBytes, out Extent found)
        {
            found = extent;
            return true;
        }

        protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken) => new(extent);
    }

    /// <summary>Copies what it is asked to, whatever it says of itself.</summary>
    private sealed class CountingStorage(IImageStorage inner, bool canShare) : ForwardingStorage(inner), IImageStorage
    {
        public int Calls { get; private set; }

        public override StorageFacts Facts => canShare ? base.Facts | StorageFacts.CanShareBlocks : base.Facts & ~StorageFacts.CanShareBlocks;

        public long CopyRange(long sourceOffset, IImageStorage target, long targetOffset, long lengthBytes)
        {
            Calls++;
            byte[] bytes = new byte[lengthBytes];
            target.Write(targetOffset, bytes.AsSpan(0, Inner.Read(sourceOffset, bytes)));
            return lengthBytes;
        }
    }
}
