using QedVd.TestKit;

namespace QedVd.Backends.Raw.Tests;

public sealed class RawImageTests
{
    private const int SizeBytes = 1 << 20;

    private readonly RawBackend _backend = new();
    private readonly SimulatedFile _file = new("disk.img");

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private IDiskImage Open(SimulatedFile file, ImageOpenFlags flags = ImageOpenFlags.None, ConsistencyMode mode = ConsistencyMode.Ordered) =>
        _backend.Open(file.Open((flags & ImageOpenFlags.ReadOnly) != 0), new ImageOpenOptions { Flags = flags, Mode = mode });

    private IDiskImage Create(long sizeBytes = SizeBytes, ImageOpenFlags flags = ImageOpenFlags.None, ConsistencyMode mode = ConsistencyMode.Ordered)
    {
        using (SimulatedStorage storage = _file.Open())
        {
            _backend.Create(storage, new ImageCreateOptions { VirtualSizeBytes = sizeBytes });
        }

        return Open(_file, flags, mode);
    }

    [Fact]
    public void Create_MakesAHoleOfTheRoundedSize_Durable()
    {
        using IDiskImage image = Create(1000);
        Assert.Equal(1024, image.VirtualSizeBytes);
        Assert.Equal(new ImageFileSize(1024, 0), image.GetFileSize());
        Assert.Equal(_file.Trace.Count - 1, _file.DurableCount);
    }

    [Fact]
    public void Create_WithPreallocation_TakesAllRoom()
    {
        using SimulatedStorage storage = _file.Open();
        _backend.Create(storage, new ImageCreateOptions { VirtualSizeBytes = SizeBytes, FormatOptions = new Dictionary<string, string> { ["preallocation"] = "falloc" } });
        using IDiskImage image = Open(_file);
        Assert.Equal(new ImageFileSize(SizeBytes, SizeBytes), image.GetFileSize());
        Assert.Equal(ImageFlags.Fixed, image.Flags);
    }

    [Theory]
    [InlineData("preallocation", "metadata")]
    [InlineData("cluster_size", "65536")]
    public void Create_WithAnUnknownOption_IsRefused_AndChangesNothing(string name, string value)
    {
        using SimulatedStorage storage = _file.Open();
        ImageException refusal = Assert.Throws<ImageException>(() => _backend.Create(
            storage, new ImageCreateOptions { VirtualSizeBytes = SizeBytes, FormatOptions = new Dictionary<string, string> { [name] = value } }));
        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, _file.CountOfChanges());
    }

    [Fact]
    public void Create_WithAParent_IsNotSupported()
    {
        using SimulatedStorage storage = _file.Open();
        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => _backend.Create(
            storage, new ImageCreateOptions { VirtualSizeBytes = SizeBytes, Parent = new ParentReference("base.img") })).Kind);
    }

    [Fact]
    public void Create_OnAStorageWithoutTheZeroFact_ReadsZeroAfterAPowerLoss()
    {
        var file = new SimulatedFile("disk.img", SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero);
        using (SimulatedStorage storage = file.Open())
        {
            _backend.Create(storage, new ImageCreateOptions { VirtualSizeBytes = 65536 });
        }

        CrashState left = Assert.Single(CrashStates.OfPowerLoss(file, file.Trace.Count));
        Assert.Equal(new byte[65536], left.File.ReadBytes(0, 65536));
    }

    [Fact]
    public void Open_OfAnOddLength_RoundsUp_AndReadsZerosBehindTheEnd()
    {
        var file = new SimulatedFile("odd.img", content: [.. Enumerable.Repeat((byte)7, 1000)]);
        using IDiskImage image = Open(file);
        byte[] buffer = [.. Enumerable.Repeat((byte)9, 1024)];

        Assert.Equal(1024, image.VirtualSizeBytes);
        Assert.Equal(new ReadResult(ExtentKind.Data, 1024), image.Read(0, buffer));
        Assert.All(buffer[..1000], value => Assert.Equal(7, value));
        Assert.All(buffer[1000..], value => Assert.Equal(0, value));
        Assert.Equal(ExtentKind.Zero, image.Map(1000, 24).Kind);
        Assert.Contains("1000", Assert.Single(image.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_BehindAnOddEnd_IsKept_AndOnlyThatMakesTheFileLonger()
    {
        var file = new SimulatedFile("odd.img", content: new byte[1000]);
        using IDiskImage image = Open(file);
        image.Write(10, [1, 2]);
        Assert.Equal(1000, file.LengthBytes);

        image.Write(1010, [5]);
        byte[] buffer = new byte[1024];
        image.Read(0, buffer);
        Assert.Equal(5, buffer[1010]);
        Assert.Equal(1011, file.LengthBytes);
        Assert.Equal(1024, image.VirtualSizeBytes);
    }

    [Fact]
    public void Read_OfAFileThatWasCutWhileOpen_Fails()
    {
        using IDiskImage image = Create();
        using SimulatedStorage other = _file.Open();
        other.SetLength(4096);

        ImageException failure = Assert.Throws<ImageException>(() => image.Read(0, new byte[8192]));
        Assert.Equal((ImageErrorKind.Io, 4096L), (failure.Kind, failure.OffsetBytes));
    }

    [Fact]
    public void Map_ShowsHolesAsZero_AndDataInItsPlace()
    {
        using IDiskImage image = Create();
        image.Write(8192, new byte[100]);

        Assert.Equal(new Extent(ExtentKind.Zero, 8192, 0, IsAllocated: true), image.Map(0, SizeBytes));
        Assert.Equal(new Extent(ExtentKind.Data, 4096, 8192, IsAllocated: true), image.Map(8192, SizeBytes - 8192));
        Assert.Equal(new Extent(ExtentKind.Data, 1000, 9000, IsAllocated: true), image.Map(9000, 1000));
    }

    [Fact]
    public void WriteZeroes_MayUnmap_GivesTheRoomBack()
    {
        using IDiskImage image = Create();
        image.Write(0, [.. Enumerable.Repeat((byte)1, 65536)]);
        Assert.Equal(WriteResult.Done(32768), image.WriteZeroes(0, 32768, WriteFlags.MayUnmap | WriteFlags.FastOnly));
        Assert.Equal(32768, image.GetFileSize().AllocatedBytes);
        Assert.Equal([0, 1], _file.ReadBytes(32767, 2));
    }

    [Fact]
    public void WriteZeroes_WithoutMayUnmap_KeepsTheRoomOfData_AndTakesNoneForHoles()
    {
        using IDiskImage image = Create();
        image.Write(0, [.. Enumerable.Repeat((byte)1, 65536)]);
        image.WriteZeroes(0, SizeBytes);
        Assert.Equal(65536, image.GetFileSize().AllocatedBytes);
        Assert.Equal(new byte[65536], _file.ReadBytes(0, 65536));
    }

    [Fact]
    public void WriteZeroes_WithoutHoles_WritesZeros_LongerThanOneChunk()
    {
        var file = new SimulatedFile("plain.img", StorageFacts.None, [.. Enumerable.Repeat((byte)3, 300_000)]);
        using IDiskImage image = Open(file);
        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => image.WriteZeroes(0, 4096, WriteFlags.FastOnly)).Kind);
        Assert.Equal(0, file.CountOfChanges());

        Assert.Equal(WriteResult.Done(290_000), image.WriteZeroes(5, 290_000));
        byte[] bytes = file.ReadBytes(0, 300_000);
        Assert.All(bytes[..5], value => Assert.Equal(3, value));
        Assert.False(bytes.AsSpan(5, 290_000).ContainsAnyExcept((byte)0));
        Assert.All(bytes[290_005..], value => Assert.Equal(3, value));
    }

    [Fact]
    public void Discard_GivesRoomBack_OnlyWhereTheOpenerAskedForIt()
    {
        using (IDiskImage image = Create())
        {
            image.Write(0, [.. Enumerable.Repeat((byte)1, 8192)]);
            image.Discard(0, 4096);
            Assert.Equal(8192, image.GetFileSize().AllocatedBytes);
            Assert.False(image.Capabilities.HasFlag(ImageCapabilities.Discard));
        }

        using IDiskImage discarding = Open(_file, ImageOpenFlags.Discard);
        discarding.Discard(0, 4096);
        Assert.True(discarding.Capabilities.HasFlag(ImageCapabilities.Discard));
        Assert.Equal(4096, discarding.GetFileSize().AllocatedBytes);
        Assert.Equal(SizeBytes, _file.LengthBytes);
    }

    [Theory]
    [InlineData(ConsistencyMode.Ordered, WriteFlags.None, 0)]
    [InlineData(ConsistencyMode.Ordered, WriteFlags.ForceUnitAccess, 3)]
    [InlineData(ConsistencyMode.WriteThrough, WriteFlags.None, 3)]
    [InlineData(ConsistencyMode.Unsafe, WriteFlags.ForceUnitAccess, 0)]
    public void Changes_AreDurableAtOnce_WhereModeOrFlagSaySo(ConsistencyMode mode, WriteFlags flags, int barriers)
    {
        using IDiskImage image = Create(flags: ImageOpenFlags.Discard, mode: mode);
        int before = _file.CountOf(StorageOperationKind.Barrier);
        image.Write(0, [1], flags);
        image.WriteZeroes(0, 100, flags);
        image.Discard(0, 4096, flags);
        Assert.Equal(barriers, _file.CountOf(StorageOperationKind.Barrier) - before);
    }

    [Fact]
    public void Close_AfterAFailedFlush_FailsAgain_AndClosesTheStorage()
    {
        IDiskImage image = Create();
        image.Write(0, [1]);
        _file.Fail(StorageOperationKind.Barrier);
        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(image.Flush).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(image.Close).Kind);
        Assert.Equal(0, _file.OpenHandles);

        using IDiskImage again = Open(_file);
        Assert.Contains("undefined", Assert.Single(again.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Close_OfAnImageThatWasNotWritten_NeedsNoBarrier()
    {
        using (Create())
        {
        }

        Assert.Equal(1, _file.CountOf(StorageOperationKind.Barrier));
    }

    [Fact]
    public void Open_ForWriting_OfAReadOnlyStorage_IsRefused()
    {
        using SimulatedStorage storage = _file.Open(readOnly: true);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => _backend.Open(storage, new ImageOpenOptions())).Kind);
        Assert.False(storage.IsDisposed);
    }

    [Fact]
    public async Task Resize_Grows_AndShrinksOnlyWhenAsked()
    {
        await using IDiskImage image = Create();
        await image.ResizeAsync(2 * SizeBytes, mayShrink: false, cancellationToken: Cancelled);
        Assert.Equal(2 * SizeBytes, image.VirtualSizeBytes);
        Assert.Equal(2 * SizeBytes, Assert.Single(image.Regions).LengthBytes);
        image.Write((2 * SizeBytes) - 1, [1]);

        await Assert.ThrowsAsync<ImageException>(async () => await image.ResizeAsync(SizeBytes, mayShrink: false, cancellationToken: Cancelled));
        await Assert.ThrowsAsync<ImageException>(async () => await image.ResizeAsync(SizeBytes + 1, mayShrink: true, cancellationToken: Cancelled));
        await image.ResizeAsync(SizeBytes, mayShrink: true, cancellationToken: Cancelled);
        Assert.Equal(SizeBytes, _file.LengthBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => image.Write(SizeBytes, [1]));
    }

    [Fact]
    public async Task SetOpenFlags_TakesWritingAwayAndGivesItBack()
    {
        await using IDiskImage image = Create();
        await image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly, Cancelled);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.Write(0, [1])).Kind);
        await image.SetOpenFlagsAsync(ImageOpenFlags.None, Cancelled);
        image.Write(0, [1]);
    }

    [Fact]
    public async Task Traverse_TellsTheRunsOfData()
    {
        await using IDiskImage image = Create();
        image.Write(4096, new byte[4096]);
        image.Write(65536, new byte[1]);
        List<MetadataChunk> chunks = [];
        await foreach (MetadataChunk chunk in image.TraverseAsync(Cancelled))
        {
            chunks.Add(chunk);
        }

        Assert.Equal([new(MetadataChunkKind.Data, 4096, 4096, 4096), new(MetadataChunkKind.Data, 65536, 4096, 65536)], chunks);
    }

    /// <summary>The largest one ends where the next sector has no number any more.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 512)]
    [InlineData(512, 512)]
    [InlineData(long.MaxValue - 1023, long.MaxValue - 1023)]
    [InlineData(long.MaxValue - 511, long.MaxValue - 511)]
    public void Meter_RoundsUpToWholeSectors_AlsoAtTheLargestSize(long sizeBytes, long lengthBytes) =>
        Assert.Equal(lengthBytes, _backend.CreateMeter(new ImageCreateOptions { VirtualSizeBytes = sizeBytes }).RequiredBytes);

    [Fact]
    public async Task Check_IsNotSupported()
    {
        await using SimulatedStorage storage = _file.Open();
        ImageException answer = await Assert.ThrowsAsync<ImageException>(async () => await _backend.CheckAsync(storage, new CheckOptions(), cancellationToken: Cancelled));
        Assert.Equal(ImageErrorKind.NotSupported, answer.Kind);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    public void Probe_IsNeverMoreThanMaybe_AndNoOfAnEmptyFile(int lengthBytes) =>
        Assert.Equal(lengthBytes == 0 ? ProbeConfidence.No : ProbeConfidence.Maybe, _backend.Probe(new ProbeInput(new byte[lengthBytes], lengthBytes, "disk.img")).Confidence);

    [Fact]
    public void Requests_AllocateNothing()
    {
        using IDiskImage image = Create();
        _file.KeepsTrace = false;
        byte[] buffer = new byte[4096];
        void Requests()
        {
            for (int i = 0; i < 100; i++)
            {
                image.Write(i * 4096, buffer);
                image.Read(i * 4096, buffer);
                CompletesInline(image.WriteAsync(i * 4096, buffer, cancellationToken: default));
                CompletesInline(image.ReadAsync(i * 4096, buffer, default));
                image.TryMap(i * 4096, 4096, out _);
            }
        }

        static void CompletesInline<T>(ValueTask<T> request) => Assert.True(request.IsCompletedSuccessfully);

        Assert.Equal(0, Allocations.LeastOf(Requests));
    }
}
