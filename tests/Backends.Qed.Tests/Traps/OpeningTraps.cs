using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Traps;

/// <summary>Opening, failing to open, and changing how an image is open.</summary>
public sealed class OpeningTraps
{
    private const int Cluster = 4096;
    private const int Size = 1100 * Cluster;

    /// <summary>Opened alone, an image that names a parent says so, and never takes what is free for zeros.</summary>
    [Fact]
    [Trap("D06")]
    public void ImageWithAParent_OpenedAlone_SaysSo_AndBakesNoZerosIn()
    {
        SimulatedFile file = Images.Create(Size, withParent: true);
        using QedImage image = Images.Open(file);

        Assert.Equal(ImageFlags.Differencing, image.Flags);
        Assert.Equal(ExtentKind.Free, image.Read(0, new byte[Cluster]).Kind);
        Assert.Equal((true, 100L, (long)Cluster - 110), (image.Write(100, new byte[10]) is var free && free.IsFree, free.PreBytes, free.PostBytes));
        Assert.Equal(1UL, ZeroedEntry(image, file));

        static ulong ZeroedEntry(QedImage image, SimulatedFile file)
        {
            image.WriteZeroes(5 * Cluster, Cluster);
            image.Flush();
            return new QedBytes(file).Entry(5);
        }
    }

    [Theory]
    [InlineData(ImageOpenFlags.ReadOnly)]
    [InlineData(ImageOpenFlags.Info)]
    [InlineData(ImageOpenFlags.ReadOnly | ImageOpenFlags.SkipConsistencyChecks)]
    [InlineData(ImageOpenFlags.ReadOnly | ImageOpenFlags.HonorZeroes | ImageOpenFlags.Sequential | ImageOpenFlags.Shareable)]
    [Trap("D08")]
    public void FlaggedImage_IsReadable_ThoughItBeDamaged_AndIsNotTouched(ImageOpenFlags flags)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL2(3, 9, 4097).SetHeader(header => header with { Features = 2 });
        image.File.Poke(5 * Cluster, "data"u8);
        string before = image.File.ComputeHash();

        using (IDiskImage disk = new QedBackend().Open(image.File.Open(readOnly: true), new ImageOpenOptions { Flags = flags }))
        {
            Assert.Equal(ImageFlags.NeedsCheck, disk.Flags);
            Assert.Equal("data"u8.ToArray(), GuestDisk.Read(disk, 0, 4));
        }

        Assert.Equal(before, image.File.ComputeHash());
    }

    /// <summary>A change of flags that fails, then a close, then another: each page and handle goes back once.</summary>
    [Theory]
    [InlineData(StorageOperationKind.Read)]
    [InlineData(StorageOperationKind.Write)]
    [Trap("D25", "D53")]
    public async Task FailedChangeOfFlags_ThenCloseTwice_GivesBackEverythingOnce(StorageOperationKind failing)
    {
        SimulatedFile file = Images.Create(Size, withParent: true);
        TablePool pool = new(8 * TablePage.SizeBytes);
        QedImage image = Images.Open(file, pool: pool);
        QedImage other = Images.Open(Images.Create(Size), pool: pool);
        GuestDisk.Write(other, 0, ConcurrencyTests.Pattern(Cluster, 7));
        image.Write(0, ConcurrencyTests.Pattern(Cluster, 1));
        if (failing == StorageOperationKind.Read)
        {
            await image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly);
        }

        file.Fail(failing, isSticky: true);
        await Assert.ThrowsAsync<ImageException>(async () => await image.SetOpenFlagsAsync(failing == StorageOperationKind.Read ? ImageOpenFlags.None : ImageOpenFlags.ReadOnly));
        Assert.Equal(failing == StorageOperationKind.Read, image.IsReadOnly);
        file.ClearFaults();
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 0, Cluster));

        image.Close();
        image.Close();
        image.Dispose();
        await image.DisposeAsync();
        Assert.Equal(0, file.OpenHandles);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 7), GuestDisk.Read(other, 0, Cluster));
        other.Close();
        Assert.Equal((0, 0), (pool.PagesInUse, pool.DirtyPages));
    }

    /// <summary>Whatever an image was opened or created with: it can be made the read-only parent of another.</summary>
    [Theory]
    [InlineData(ImageOpenFlags.HonorZeroes)]
    [InlineData(ImageOpenFlags.HonorSame)]
    [InlineData(ImageOpenFlags.Discard)]
    [InlineData(ImageOpenFlags.Sequential | ImageOpenFlags.Shareable)]
    [InlineData(ImageOpenFlags.HonorZeroes | ImageOpenFlags.HonorSame | ImageOpenFlags.Discard | ImageOpenFlags.SkipConsistencyChecks)]
    [Trap("D41")]
    public async Task FlagsOfAnOpenImage_AreTakenBackWithReadOnlyAdded(ImageOpenFlags flags)
    {
        foreach (ConsistencyMode mode in Enum.GetValues<ConsistencyMode>())
        {
            SimulatedFile file = Images.Create(Size);
            await using (IDiskImage image = new QedBackend().Open(file.Open(), new ImageOpenOptions { Flags = flags, Mode = mode }))
            {
                image.Write(0, new byte[10]);
                Assert.Equal(flags, image.OpenFlags);
                await image.SetOpenFlagsAsync(image.OpenFlags | ImageOpenFlags.ReadOnly);
                Assert.Equal(flags | ImageOpenFlags.ReadOnly, image.OpenFlags);
                Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.Write(0, new byte[10])).Kind);
            }

            using IDiskImage again = new QedBackend().Open(file.Open(readOnly: true), new ImageOpenOptions { Flags = flags | ImageOpenFlags.ReadOnly, Mode = mode });
            Assert.Equal(new byte[10], GuestDisk.Read(again, 0, 10));
        }
    }

    /// <summary>A flag is changed in place: no second opening, nothing read again, requests under way unharmed.</summary>
    [Fact]
    [Trap("D42")]
    public async Task ChangeOfAFlag_IsInPlace_AndWaitsForWritesUnderWay()
    {
        SimulatedFile file = Images.Create(Size, withParent: true);
        await using QedImage image = Images.Open(file);
        image.Write(0, new byte[Cluster]);
        int reads = file.CountOf(StorageOperationKind.Read);
        foreach (ImageOpenFlags flags in new[] { ImageOpenFlags.HonorZeroes, ImageOpenFlags.HonorSame | ImageOpenFlags.Discard, ImageOpenFlags.None })
        {
            await image.SetOpenFlagsAsync(flags);
            Assert.Equal(flags, image.OpenFlags);
        }

        StorageGate held = file.Hold(StorageOperationKind.Write);
        Task<WriteResult> write = Task.Run(() => image.Write(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 1)));
        await held.Reached;
        Task change = image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly).AsTask();
        Assert.False(change.IsCompleted);
        Assert.Equal(ImageErrorKind.ReadOnly, Assert.Throws<ImageException>(() => image.Write(0, new byte[10])).Kind);
        held.Release();
        await write;
        await change;

        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 5 * Cluster, Cluster));
        Assert.Equal(1, file.OpenHandles);
        Assert.Equal(reads + 1, file.CountOf(StorageOperationKind.Read));
        Images.AssertClean(file);
    }

    /// <summary>The first bytes decide; what they do not decide is not the backend's to judge.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(64)]
    [InlineData(5000)]
    [Trap("D44", "D52")]
    public void FileOfAnotherKind_OpenedAsQed_IsRefusedAsSuch_AndNotTouched(int length)
    {
        SimulatedFile file = new(content: Enumerable.Repeat((byte)0x5A, length).ToArray());
        string before = file.ComputeHash();

        foreach (bool readOnly in new[] { true, false })
        {
            Assert.Equal(ImageErrorKind.NotThisFormat, Assert.Throws<ImageException>(() => Images.Open(file, readOnly: readOnly)).Kind);
        }

        Assert.Equal((before, 0), (file.ComputeHash(), file.CountOfChanges()));
        file.Fail(StorageOperationKind.Read, isSticky: true);
        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(() => Images.Open(file, readOnly: true)).Kind);
    }

    public static TheoryData<string> Unopenable => ["flagged, bad entry", "flagged, bad L1", "flagged, shared", "magic", "cluster size", "table size", "feature", "L1 offset", "size", "header size", "name", "raw name", "L1 over L1", "truncated"];

    /// <summary>A read-write opening that fails has written nothing: not a byte, not even the same byte.</summary>
    [Theory]
    [MemberData(nameof(Unopenable))]
    [Trap("D52")]
    public void OpeningForWriting_ThatIsRefused_HasWrittenNothing(string what)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        switch (what)
        {
            case "flagged, bad entry": image.SetL2(3, 4, 4097).SetHeader(header => header with { Features = 2, Autoclear = 1 }); break;
            case "flagged, bad L1": image.SetL1(7, 3).SetHeader(header => header with { Features = 2, Autoclear = 1 }); break;
            case "flagged, shared": image.SetL2(3, 4, image.At(5)).SetHeader(header => header with { Features = 2, Autoclear = 1 }); break;
            case "magic": image.SetHeader(header => header with { Magic = 1 }); break;
            case "cluster size": image.SetHeader(header => header with { ClusterSize = 0 }); break;
            case "table size": image.SetHeader(header => header with { TableSize = 3 }); break;
            case "feature": image.SetHeader(header => header with { Features = 0x12, Autoclear = 1 }); break;
            case "L1 offset": image.SetHeader(header => header with { L1Offset = 100 }); break;
            case "size": image.SetHeader(header => header with { ImageSize = ulong.MaxValue }); break;
            case "header size": image.SetHeader(header => header with { HeaderSize = 0 }); break;
            case "name": image.SetHeader(header => header with { Features = 1, NameOffset = 4000, NameSize = 4000, Autoclear = 1 }); break;
            case "raw name": image.SetHeader(header => header with { Features = 7, NameOffset = 64, NameSize = uint.MaxValue, Autoclear = 1 }); break;
            case "L1 over L1": image.SetL1(3, Cluster).SetHeader(header => header with { Autoclear = 1 }); break;
            default: image.SetHeader(header => header with { L1Offset = 100 * Cluster }); break;
        }

        AssertOpenFailsUntouched(image.File);
    }

    /// <summary>Each read of the opening fails in turn, or comes back short.</summary>
    [Theory]
    [InlineData(0UL, -1)]
    [InlineData(0UL, 0)]
    [InlineData(1UL, 100)]
    [InlineData(2UL, -1)]
    [InlineData(2UL, 0)]
    [InlineData(3UL, 100)]
    [Trap("D52")]
    public void OpeningForWriting_ThatCannotRead_HasWrittenNothing(ulong features, int shortRead)
    {
        for (int nth = 1; ; nth++)
        {
            QedImageBytes image = new QedImageBytes(new QedHeaderBytes { HeaderSize = 4, L1Offset = 4 * Cluster, Features = features, Autoclear = 1, NameOffset = 9000, NameSize = 5 }).AddUsualTable();
            StorageFault fault = image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, Nth = nth, PartialBytes = shortRead, IsSticky = true });
            string before = image.File.ComputeHash();
            try
            {
                using IDiskImage disk = new QedBackend().Open(image.File.Open(), new ImageOpenOptions());
                Assert.True(fault.Hits == 0, $"read {nth} failed, and the opening did not");
                break;
            }
            catch (ImageException)
            {
                Assert.NotEqual(0, fault.Hits);
                Assert.Equal((before, 0), (image.File.ComputeHash(), image.File.CountOfChanges()));
            }

            Assert.InRange(nth, 1, 50);
        }
    }

    /// <summary>From read-only to read-write, with the image damaged meanwhile: refused, not a byte written, and still readable.</summary>
    [Fact]
    [Trap("D53", "D42")]
    public async Task BecomingWritable_ThatIsRefused_HasWrittenNothing_AndLeavesItReadable()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.File.Poke(5 * Cluster, "data"u8);
        await using IDiskImage disk = new QedBackend().Open(image.File.Open(), new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly });
        Assert.Equal("data"u8.ToArray(), GuestDisk.Read(disk, 0, 4));
        image.SetL1(5, image.At(3)).SetHeader(header => header with { Autoclear = 7 });
        string before = image.File.ComputeHash();

        Assert.Equal(ImageErrorKind.Corrupt, (await Assert.ThrowsAsync<ImageException>(async () => await disk.SetOpenFlagsAsync(ImageOpenFlags.None))).Kind);
        image.SetHeader(header => header with { ClusterSize = 8192 });
        await Assert.ThrowsAsync<ImageException>(async () => await disk.SetOpenFlagsAsync(ImageOpenFlags.None));
        image.SetHeader(header => header with { ClusterSize = 4096 });

        Assert.Equal((before, 0), (image.File.ComputeHash(), image.File.CountOfChanges()));
        Assert.True(disk.IsReadOnly);
        Assert.Equal("data"u8.ToArray(), GuestDisk.Read(disk, 0, 4));
        image.SetL1(5, 0);
        await disk.SetOpenFlagsAsync(ImageOpenFlags.None);
        Assert.Equal(WriteResult.Done(4), disk.Write(0, new byte[4]));
    }

    private static void AssertOpenFailsUntouched(SimulatedFile file)
    {
        string before = file.ComputeHash();
        foreach (ConsistencyMode mode in Enum.GetValues<ConsistencyMode>())
        {
            Assert.Throws<ImageException>(() => new QedBackend().Open(file.Open(), new ImageOpenOptions { Mode = mode }));
        }

        Assert.Equal(before, file.ComputeHash());
        Assert.Equal(0, file.CountOfChanges());
        Assert.Equal(0, file.CountOf(StorageOperationKind.Barrier));
    }
}
