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

    private static VirtualDisk Compose(IImageBackend backend, IImageStorage storage, bool readOnly)
    {
        IDiskImage image = backend.Open(storage, new ImageOpenOptions { Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None });
        var generation = new Generation([new Level { Image = image, Path = storage.Name, FormatId = backend.Info.Id, Storage = storage }]);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        return new VirtualDisk(generation, new DiskOpenOptions { ReadOnly = readOnly }, host: null, number: 0, NullLogger.Instance);
    }
}
