using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Opening;

/// <summary>Images as in the tests of the check: header in cluster 0, L1 in 1 and 2, the first L2 table in 3 and 4, data in 5, 6, 7.</summary>
public sealed class QedOpenerTests
{
    /// <summary>The table has not been looked into: the opening knows it from L1.</summary>
    [Fact]
    public void Write_WhereAnEntryNamesAnotherTable_IsRefused_BeforeThatTableIsRead()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { ImageSize = 8 << 20 }).AddUsualTable().SetClusters(10).SetL1(1, 8 * 4096).SetL2(3, 1, 9 * 4096);
        string before = image.File.ComputeHash();

        using (QedImage disk = Images.Open(image.File))
        {
            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Write(4096, new byte[] { 1 })).Kind);
        }

        Assert.Equal(before, image.File.ComputeHash());
    }

    /// <summary>Tables of 80,000 clusters: all of them are known, not the lowest 65,536.</summary>
    [Fact]
    public void Write_WhereAnEntryNamesTheLastOfVeryManyTables_IsRefused_BeforeThatTableIsRead()
    {
        const int Tables = 20_000;
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 1 << 16, TableSize = 4, L1Offset = 1 << 16, ImageSize = (ulong)Tables << 31 });
        for (int i = 0; i < Tables; i++)
        {
            image.SetL1(i, image.At(image.FirstFree + (i * 4L)));
        }

        long last = image.FirstFree + ((Tables - 1) * 4L);
        image.SetClusters(last + 4).SetL2(image.FirstFree, 1, image.At(last + 3));

        using QedImage disk = Images.Open(image.File);

        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Write(1 << 16, new byte[] { 1 })).Kind);
    }

    private static readonly BackendInfo s_info = new QedBackend().Info;

    [Theory]
    [InlineData(ImageOpenFlags.ReadOnly)]
    [InlineData(ImageOpenFlags.Info)]
    [InlineData(ImageOpenFlags.ReadOnly | ImageOpenFlags.SkipConsistencyChecks)]
    public void OpenReadOnly_OfAFlaggedDamagedImageWithUnknownBits_Works_AndChangesNothing(ImageOpenFlags flags)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL1(1, 12288).SetL1(2, 12288).SetHeader(header => header with { Features = 2, Compat = 8, Autoclear = 16 });
        string before = image.File.ComputeHash();

        QedImageStart start = Open(image, flags);

        Assert.True(start.Header.NeedsCheck);
        Assert.Equal(16UL, start.Header.AutoclearFeatures);
        Assert.Equal(before, image.File.ComputeHash());
        Assert.Equal(0, image.File.CountOfChanges());
        Assert.Equal(0, image.File.CountOf(StorageOperationKind.Barrier));
    }

    [Theory]
    [InlineData(ImageOpenFlags.Info)]
    [InlineData(ImageOpenFlags.ReadOnly)]
    public void OpenReadOnly_ReadsTheHeaderInOneRead_AndNothingElse(ImageOpenFlags flags)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();

        Open(image, flags);

        Assert.Equal(1, image.File.CountOf(StorageOperationKind.Read));
    }

    [Fact]
    public void Open_TakesANameFromAnywhereInTheHeaderArea_AsBytes()
    {
        byte[] name = [.. Enumerable.Range(0, 4095).Select(i => (byte)(i % 256))];
        QedImageBytes image = new(new QedHeaderBytes { Features = 1, HeaderSize = 4, L1Offset = 4 * 4096, NameOffset = (4 * 4096) - 4095, NameSize = 4095 });
        image.File.Poke(image.Header.NameOffset, name);

        QedImageStart start = Open(image, ImageOpenFlags.Info);

        Assert.Equal(name, start.Parent!.NameBytes);
        Assert.False(start.Parent.IsRaw);
        Assert.Equal(2, image.File.CountOf(StorageOperationKind.Read));
    }

    [Fact]
    public void Open_FileThatEndsInsideTheName_IsTruncated_NotANameOfZeros()
    {
        QedImageBytes image = new(new QedHeaderBytes { Features = 1, HeaderSize = 4, L1Offset = 4 * 4096, NameOffset = 10_000, NameSize = 100 });
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, PartialBytes = 50, Where = (offset, _) => offset == 10_000 });

        ImageException error = Assert.Throws<ImageException>(() => Open(image, ImageOpenFlags.Info));

        Assert.Equal((ImageErrorKind.Io, 10_000L), (error.Kind, error.OffsetBytes));
    }

    [Fact]
    public void Open_ParentMarkedRaw_SaysSo_AndItsNameCostsNoReadOfItsOwn()
    {
        QedImageBytes image = new(new QedHeaderBytes { Features = 5, NameOffset = 1000, NameSize = 8 });
        image.File.Poke(1000, "base.img"u8);

        ParentReference parent = Open(image, ImageOpenFlags.ReadOnly).Parent!;

        Assert.Equal("base.img", parent.Name);
        Assert.True(parent.IsRaw);
        Assert.Equal(1, image.File.CountOf(StorageOperationKind.Read));
    }

    [Fact]
    public void Open_NameOfLengthZero_IsNoParent_WithAWarning()
    {
        QedImageStart start = Open(new QedImageBytes(new QedHeaderBytes { Features = 5, NameOffset = 64 }), ImageOpenFlags.ReadOnly);

        Assert.Null(start.Parent);
        Assert.Contains(start.Warnings, warning => warning.Contains("length 0", StringComparison.Ordinal));
    }

    [Fact]
    public void OpenForWriting_OfASoundImage_ChangesNothing_AndReadsNoL2Table()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, _) => offset >= 3 * 4096 });

        QedImageStart start = Open(image);

        Assert.Empty(start.Warnings);
        Assert.Equal(0, image.File.CountOfChanges());
    }

    [Fact]
    public void OpenForWriting_OnReadOnlyStorage_IsRefused()
    {
        QedImageBytes image = new();

        ImageException error = Assert.Throws<ImageException>(() => Open(image, storage: image.File.Open(readOnly: true)));

        Assert.Equal(ImageErrorKind.ReadOnly, error.Kind);
    }

    [Fact]
    public void OpenForWriting_UnknownAutoclearBits_AreClearedBehindABarrier_CompatBitsAreKept()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Compat = 9, Autoclear = 0x8000000000000010 });

        QedImageStart start = Open(image);

        Assert.Equal(["write 0+64", "barrier"], TraceOf(image));
        Assert.Equal(0UL, start.Header.AutoclearFeatures);
        Assert.Equal((image.Header with { Autoclear = 0 }).ToArray(), image.File.ReadBytes(0, 64));
    }

    [Fact]
    public void OpenForWriting_OfAFlaggedCleanImage_ChecksIt_ThenBarrier_Clear_Barrier()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(10).SetHeader(header => header with { Features = 2, Autoclear = 1 });

        QedImageStart start = Open(image);

        Assert.Equal(["barrier", "write 0+64", "barrier"], TraceOf(image));
        Assert.False(start.Header.NeedsCheck);
        Assert.Equal((image.Header with { Features = 0, Autoclear = 0 }).ToArray(), image.File.ReadBytes(0, 64));
        Assert.Contains(start.Warnings, warning => warning.Contains("2 leaked clusters", StringComparison.Ordinal));
    }

    [Fact]
    public void OpenForWriting_OfAFlaggedImage_KeepsTheParentsBits()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { Features = 7, NameOffset = 64, NameSize = 1 }).AddUsualTable();

        Assert.Equal(5UL, Open(image).Header.Features);
    }

    [Fact]
    public void OpenForWriting_OfAFlaggedDamagedImage_IsRefused_SaysWhatWorks_AndChangesNothing()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL2(3, 100, 4096 * 6).SetHeader(header => header with { Features = 2, Autoclear = 1 });
        string before = image.File.ComputeHash();

        ImageException error = Assert.Throws<ImageException>(() => Open(image));

        Assert.Equal(ImageErrorKind.Corrupt, error.Kind);
        Assert.Contains("1 corruptions", error.Message, StringComparison.Ordinal);
        Assert.Contains("entry 100 is 24576", error.Message, StringComparison.Ordinal);
        Assert.Contains("read-only", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("qedvd check -r all a.qed", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, image.File.ComputeHash());
        Assert.Equal(0, image.File.CountOfChanges());
    }

    [Fact]
    public void OpenForWriting_OfAFlaggedImageWhoseTableCannotBeRead_IsAnIoError()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Features = 2 });
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, _) => offset >= 3 * 4096 });

        ImageException error = Assert.Throws<ImageException>(() => Open(image));

        Assert.Equal(ImageErrorKind.Io, error.Kind);
        Assert.Equal(0, image.File.CountOfChanges());
    }

    [Fact]
    public void OpenForWriting_OfAFlaggedImageWithoutACheck_IsRefused()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Features = 2 });

        ImageException error = Assert.Throws<ImageException>(() => Open(image, ImageOpenFlags.SkipConsistencyChecks));

        Assert.Equal(ImageErrorKind.NotSupported, error.Kind);
        Assert.Equal(0, image.File.CountOfChanges());
    }

    [Theory]
    [InlineData(StorageOperationKind.Barrier)]
    [InlineData(StorageOperationKind.Write)]
    public void OpenForWriting_ThatCannotClearTheFlag_Fails(StorageOperationKind failing)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Features = 2 });
        image.File.Fail(failing);

        Assert.Throws<ImageException>(() => Open(image));

        Assert.Equal(image.Header.ToArray(), image.File.ReadBytes(0, 64));
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(4097UL)]
    [InlineData(4096UL * 7)]
    [InlineData(1UL << 40)]
    [InlineData(ulong.MaxValue - 4095)]
    public void OpenForWriting_L1EntryThatNamesNoPlaceInTheFile_IsAWarning(ulong value)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL1(9, value).SetL1(1000, 3);

        QedImageStart start = Open(image);

        Assert.Equal(value is > 4097 and <= long.MaxValue ? Math.Max((long)value, 8 * 4096) : long.MaxValue, start.GrowthLimitBytes);
        Assert.Contains(start.Warnings, warning => warning.Contains("2 L1 entries", StringComparison.Ordinal) && warning.Contains("entry 9)", StringComparison.Ordinal));
    }

    /// <summary>Otherwise the next session would take guest data for a table.</summary>
    [Fact]
    public void Write_IntoAnImageWithAnL1EntryBeyondTheEnd_NeverGrowsPastIt()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL1(0, 0).SetL1(1, 4096 * 3).SetL1(0, 4096 * 12);
        image.SetHeader(header => header with { ImageSize = 1UL << 30 });
        long perTable = 1024 * 4096;
        byte[] data = new byte[4096];
        using IDiskImage disk = new QedBackend().Open(image.File.Open(), new ImageOpenOptions());

        for (int i = 0; i < 4; i++)
        {
            disk.Write(perTable + ((10 + i) * 4096), data);
        }

        ImageException error = Assert.Throws<ImageException>(() => disk.Write(perTable + (20 * 4096), data));
        Assert.Equal(ImageErrorKind.Corrupt, error.Kind);
        Assert.Contains("a damaged L1 entry names 49152", error.Message, StringComparison.Ordinal);
        Assert.Throws<ImageException>(() => disk.Read(0, data));
        disk.Flush();
        Assert.Equal(12 * 4096, image.File.LengthBytes);
    }

    [Theory]
    [InlineData(4096 * 1, "inside the L1 table")]
    [InlineData(4096 * 2, "inside the L1 table")]
    [InlineData(4096 * 3, "entry 0 is 12288, entry 9 is 12288")]
    [InlineData(4096 * 4, "entry 0 is 12288, entry 9 is 16384")]
    public void OpenForWriting_L1EntryOverATable_IsRefused(ulong value, string why)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL1(9, value);

        ImageException error = Assert.Throws<ImageException>(() => Open(image));

        Assert.Equal(ImageErrorKind.Corrupt, error.Kind);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.Contains("qedvd check -r all a.qed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenForWriting_L1EntryInTheHeaderArea_IsRefused()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { HeaderSize = 2, L1Offset = 8192 }).AddUsualTable().SetL1(9, 4096);

        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => Open(image)).Kind);
    }

    [Fact]
    public void OpenForWriting_TablesSideBySide_InAnyOrder_AreFine()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(12).SetL1(3, 4096 * 10).SetL1(4, 4096 * 8);

        Assert.Empty(Open(image).Warnings);
    }

    [Fact]
    public void OpenForWriting_EntryBehindTheDisksEnd_CountsToo()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL1(1023, 4096 * 3);

        Assert.Throws<ImageException>(() => Open(image));
    }

    [Fact]
    public void OpenForWriting_L1ThatCannotBeRead_Fails()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.File.Fail(StorageOperationKind.Read, nth: 2);

        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(() => Open(image)).Kind);
    }

    [Fact]
    public void OpenForWriting_OfASoundImageAfterAFailedBarrier_ChecksAllOfIt_AndSaysSo()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        Fence(image);

        QedImageStart start = Open(image);

        Assert.Contains(start.Warnings, warning => warning.Contains("since the last good barrier is undefined", StringComparison.Ordinal));
    }

    [Fact]
    public void OpenAfterAFailedBarrier_OfADamagedImage_IsRefusedForWriting_AndWarnsForReading()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL2(3, 5, 4097);
        Open(image);
        Fence(image);

        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => Open(image)).Kind);
        QedImageStart start = Open(image, ImageOpenFlags.ReadOnly);
        Assert.Contains(start.Warnings, warning => warning.Contains("found 1 corruptions", StringComparison.Ordinal));
        Assert.Contains("undefined", Assert.Single(Open(image, ImageOpenFlags.Info).Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_WithAnOption_IsRefused()
    {
        ImageOpenOptions options = new() { FormatOptions = new Dictionary<string, string> { ["cluster_size"] = "4k" } };

        ImageException error = Assert.Throws<ImageException>(() => SyncIo.Complete(QedOpener.OpenAsync<SyncIo>(s_info, new QedImageBytes().File.Open(), options, default)));

        Assert.Equal(ImageErrorKind.InvalidArgument, error.Kind);
    }

    [Fact]
    public async Task Open_Asynchronously_WithoutInlineCompletion_DoesTheSame()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Features = 2, Autoclear = 1 });
        image.File.CompletesInline = false;

        QedImageStart start = await QedOpener.OpenAsync<AsyncIo>(s_info, image.File.Open(), new ImageOpenOptions(), TestContext.Current.CancellationToken);

        Assert.Equal(0UL, start.Header.Features);
        Assert.Equal(["barrier", "write 0+64", "barrier"], TraceOf(image));
    }

    [Theory]
    [InlineData(ImageOpenFlags.None)]
    [InlineData(ImageOpenFlags.ReadOnly)]
    public void Open_Of64Tebibytes_IsCheapWhereL1IsEmpty(ImageOpenFlags flags)
    {
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 65536, TableSize = 4, L1Offset = 65536, ImageSize = 1UL << 46 });
        Open(image, flags);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Open(image, flags);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 400 << 10);
    }

    [Fact]
    public void OpenForWriting_OfAnL1Of1GiB_ReadsOnlyWhatIsThere()
    {
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 64 << 20, TableSize = 16, L1Offset = 64 << 20, ImageSize = 1UL << 62 });
        image.SetClusters(1000).SetL1(100_000_000, image.At(100));

        long before = GC.GetAllocatedBytesForCurrentThread();
        Open(image);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.InRange(image.File.CountOf(StorageOperationKind.Read), 1, 5);
    }

    private static void Fence(QedImageBytes image)
    {
        image.File.Fail(StorageOperationKind.Barrier);
        Assert.Throws<ImageException>(() => image.File.Open().Barrier());
        image.File.ClearFaults();
    }

    private static string[] TraceOf(QedImageBytes image) => [.. image.File.Trace.Select(operation => operation.ToString()[(operation.ToString().IndexOf(' ', StringComparison.Ordinal) + 1)..])];

    private static QedImageStart Open(QedImageBytes image, ImageOpenFlags flags = ImageOpenFlags.None, IImageStorage? storage = null) =>
        SyncIo.Complete(QedOpener.OpenAsync<SyncIo>(s_info, storage ?? image.File.Open((flags & ImageOpenFlags.ReadOnly) != 0), new ImageOpenOptions { Flags = flags }, default));
}
