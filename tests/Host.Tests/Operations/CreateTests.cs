namespace QedVd.Host.Tests.Operations;

public sealed class CreateTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    [Fact]
    public async Task Create_WithoutASize_TakesTheParents()
    {
        _test.Raw("base.raw", Size, 7);

        ImageDescription made = await _test.Host.CreateImageAsync(_test["top.qed"], "qed", new CreateDiskOptions { ParentName = "base.raw", ParentFormat = "raw" });

        Assert.Equal((Size, "base.raw", "raw", _test["base.raw"]), (made.VirtualSizeBytes, made.ParentName, made.ParentFormatId, made.ParentPath));
        Assert.True(made.Flags.HasFlag(ImageFlags.Differencing));
        Assert.False(made.IsDirty);
    }

    [Fact]
    public async Task Create_TakesItsParentRelativeToTheNewFile()
    {
        _test.Raw("base.raw", Size, 7);
        Directory.CreateDirectory(_test["sub"]);

        await Create("sub/top.qed", new CreateDiskOptions { ParentName = "../base.raw", ParentFormat = "raw" });
        ImageException missing = await Refusal("sub/other.qed", new CreateDiskOptions { ParentName = "base.raw", ParentFormat = "raw" });

        Assert.Equal(ImageErrorKind.NotFound, missing.Kind);
        Assert.Contains(_test["sub/base.raw"], missing.Message, StringComparison.Ordinal);
        Assert.Equal(["base.raw", "sub/top.qed"], _test.Files);
    }

    /// <summary>Once it has its name it is there, whatever comes afterwards; an error that did not say so would make its users create it again.</summary>
    [Fact]
    public async Task Create_FailingAnywhere_LeavesNothing_OrSaysThatTheImageIsThere()
    {
        var faults = new FaultCounter();
        using DiskHost host = FaultyBackend.MakeHost(faults);
        int notReadBack = 0;
        for (int nth = 1; ; nth++)
        {
            faults.Arm(nth);
            ImageException? error = null;
            try
            {
                await host.CreateImageAsync(_test["new.qed"], "qed", new CreateDiskOptions { VirtualSizeBytes = Size });
            }
            catch (ImageException exception)
            {
                error = exception;
            }

            if (!faults.HasStruck)
            {
                Assert.Null(error);
                break;
            }

            bool isThere = File.Exists(_test["new.qed"]);
            Assert.Equal(isThere, error is null || error.Message.Contains("the image was created", StringComparison.Ordinal));
            Assert.Equal(isThere ? ["new.qed"] : [], _test.Files);
            notReadBack += isThere && error is not null ? 1 : 0;
            File.Delete(_test["new.qed"]);
        }

        Assert.NotEqual(0, notReadBack);
    }

    [Fact]
    public async Task Create_ThatIsRefused_LeavesNothing()
    {
        _test.Raw("base.raw", Size, 7);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal("a.qed", new CreateDiskOptions())).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal("a.qed", new CreateDiskOptions { ParentName = "base.raw" })).Kind);
        Assert.Equal(ImageErrorKind.NotThisFormat, (await Refusal("a.qed", new CreateDiskOptions { ParentName = "base.raw", ParentFormat = "qed" })).Kind);
        Assert.Equal(ImageErrorKind.RefusedByPolicy, (await Refusal("a.qed", new CreateDiskOptions { ParentName = "nbd://x", ParentFormat = "raw" })).Kind);
        Assert.Equal(ImageErrorKind.NotFound, (await Refusal("a.qed", new CreateDiskOptions { ParentName = "a.qed", ParentFormat = "qed" })).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Refusal("a.qed", new CreateDiskOptions { VirtualSizeBytes = 1, FormatOptions = new Dictionary<string, string> { ["cluster_size"] = "3" } })).Kind);
        Assert.Equal(ImageErrorKind.NotSupported, (await Refusal("a.qed", new CreateDiskOptions { VirtualSizeBytes = 1 }, "nonsense")).Kind);

        Assert.Equal(["base.raw"], _test.Files);
    }

    [Fact]
    public async Task Create_OverAnExistingFile_OnlyWhenAsked_AndNeverOverItsParent()
    {
        _test.Raw("base.raw", Size, 7);
        _test.Qed("top.qed", Size);

        Assert.Equal(ImageErrorKind.AlreadyExists, (await Refusal("top.qed", new CreateDiskOptions { VirtualSizeBytes = 512 })).Kind);
        await Create("top.qed", new CreateDiskOptions { VirtualSizeBytes = 512, Overwrite = true });
        ImageException self = await Refusal("base.raw", new CreateDiskOptions { ParentName = "./base.raw", ParentFormat = "raw", Overwrite = true });

        Assert.Equal(ImageErrorKind.InUse, self.Kind);
        Assert.Equal(7, File.ReadAllBytes(_test["base.raw"])[0]);
        Assert.Equal(512, (await _test.Host.DescribeImageAsync(_test["top.qed"])).VirtualSizeBytes);
    }

    [Fact]
    public async Task Create_OverAFileInUse_IsRefused()
    {
        string used = _test.Qed("used.qed", Size);
        using VirtualDisk disk = _test.Host.OpenDisk(used);

        Assert.Equal(ImageErrorKind.InUse, (await Refusal("used.qed", new CreateDiskOptions { VirtualSizeBytes = 512, Overwrite = true })).Kind);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qed")]
    public async Task CreateOverlay_RecordsTheParent_SoThatQemuAndWeFindIt(string format)
    {
        string parent = format == "raw" ? _test.Raw("base.img", Size, 7) : _test.Qed("base.img", Size);
        Directory.CreateDirectory(_test["sub"]);

        ImageDescription overlay = await _test.Host.CreateOverlayAsync(parent, _test["sub/top.qed"], new CreateOverlayOptions { ParentFormat = format });

        Assert.Equal("../base.img", overlay.ParentName);
        Assert.Equal(format == "raw" ? "raw" : null, overlay.ParentFormatId);
        Assert.Equal(parent, overlay.ParentPath);
        Assert.Equal(Size, overlay.VirtualSizeBytes);
        Assert.Equal(2, (await _test.Host.DescribeChainAsync(_test["sub/top.qed"], new DiskOpenOptions { AllowedRoots = [_test.Folder] })).Count);
    }

    [Fact]
    public async Task CreateOverlay_OnAFileThatNobodyRecognises_NeedsItsFormat()
    {
        string parent = _test.Raw("base.img", Size, 7);

        Assert.Equal(ImageErrorKind.NotThisFormat, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.CreateOverlayAsync(parent, _test["top.qed"]))).Kind);
        Assert.Equal(["base.img"], _test.Files);
    }

    [Fact]
    public async Task CreateOverlay_ThroughALinkedFolder_RecordsAFullPath()
    {
        string parent = _test.Raw("base.img", Size, 7);
        Directory.CreateDirectory(_test["deep/er"]);
        Directory.CreateSymbolicLink(_test["link"], _test["deep/er"]);

        ImageDescription overlay = await _test.Host.CreateOverlayAsync(parent, _test["link/top.qed"], new CreateOverlayOptions { ParentFormat = "raw" });

        Assert.Equal(parent, overlay.ParentName);
    }

    [Fact]
    public async Task Check_ReportsOneImage_AndNeverItsParent()
    {
        string top = _test.Qed("top.qed", Size, "gone.raw", "raw");

        CheckReport report = await _test.Host.CheckAsync(top);

        Assert.True(report.IsClean);
        Assert.Equal(Size / 4096, report.TotalClusters);
        Assert.Equal(ImageErrorKind.NotSupported, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.CheckAsync(_test.Raw("x.raw", Size, 0)))).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.CheckAsync(top, new CheckOptions { Repair = RepairMode.All }, new ImageOpenRequest { ForceShare = true }))).Kind);
    }

    public void Dispose() => _test.Dispose();

    private async Task Create(string name, CreateDiskOptions options) => await _test.Host.CreateImageAsync(_test[name], "qed", options);

    private async Task<ImageException> Refusal(string name, CreateDiskOptions options, string format = "qed") =>
        await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.CreateImageAsync(_test[name], format, options));
}
