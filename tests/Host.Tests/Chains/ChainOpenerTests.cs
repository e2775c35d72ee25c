using QedVd.Backends.Raw;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

/// <summary>How each level of a chain is opened, which levels a disk keeps, and what is said of those that cannot be opened.</summary>
public sealed class ChainOpenerTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();
    private readonly NotingBackend _backend = new();
    private readonly List<Level> _open = [];
    private readonly DiskHost _host;

    public ChainOpenerTests()
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(_backend);
        options.Backends.Add(new RawBackend());
        _host = new DiskHost(options);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        SyncIo.Complete(VirtualDisk.CloseLevelsAsync<SyncIo>(_open));
        _host.Dispose();
        _test.Dispose();
    }

    [Theory]
    [InlineData(ImageOpenFlags.None, false, false, ImageOpenFlags.None, ImageOpenFlags.ReadOnly)]
    [InlineData(ImageOpenFlags.Discard | ImageOpenFlags.HonorZeroes, false, false, ImageOpenFlags.Discard | ImageOpenFlags.HonorZeroes, ImageOpenFlags.ReadOnly)]
    [InlineData(ImageOpenFlags.Sequential | ImageOpenFlags.HonorSame, false, false, ImageOpenFlags.Sequential | ImageOpenFlags.HonorSame, ImageOpenFlags.ReadOnly | ImageOpenFlags.Sequential)]
    [InlineData(ImageOpenFlags.Info, false, false, ImageOpenFlags.None, ImageOpenFlags.ReadOnly)]
    [InlineData(ImageOpenFlags.ReadOnly, false, false, ImageOpenFlags.None, ImageOpenFlags.ReadOnly)]
    [InlineData(ImageOpenFlags.Discard, true, false, ImageOpenFlags.Discard | ImageOpenFlags.ReadOnly, ImageOpenFlags.ReadOnly)]
    [InlineData(ImageOpenFlags.ReadOnly | ImageOpenFlags.Info, true, false, ImageOpenFlags.ReadOnly, ImageOpenFlags.ReadOnly)]
    [InlineData(ImageOpenFlags.Discard, true, true, ImageOpenFlags.Discard | ImageOpenFlags.ReadOnly | ImageOpenFlags.Shareable, ImageOpenFlags.ReadOnly | ImageOpenFlags.Shareable)]
    public async Task Levels_AreOpenedWithTheFlagsThatConcernThem(ImageOpenFlags wished, bool readOnly, bool forceShare, ImageOpenFlags top, ImageOpenFlags parent)
    {
        var wishes = new Dictionary<string, string> { ["any"] = "thing" };
        string path = MakeChain("top.qed", "middle.qed", "base.qed");
        var options = new DiskOpenOptions { Flags = wished, ReadOnly = readOnly, ForceShare = forceShare, Mode = ConsistencyMode.Unsafe, FormatOptions = wishes };

        _host.OpenDisk(path, options).Dispose();
        await (await _host.OpenDiskAsync(path, options, Stop)).DisposeAsync();

        (string, ImageOpenFlags, ConsistencyMode, int)[] expected =
            [("top.qed", top, ConsistencyMode.Unsafe, 1), ("middle.qed", parent, ConsistencyMode.Unsafe, 0), ("base.qed", parent, ConsistencyMode.Unsafe, 0)];
        Assert.Equal([.. expected, .. expected], _backend.Opened.Select(each => (each.File, each.Options.Flags, each.Options.Mode, each.Options.FormatOptions.Count)));
    }

    [Fact]
    public void FileThatAnotherDiskWrites_IsOpenedWithoutLocksOnly()
    {
        string path = MakeChain("top.qed", "base.qed");
        using (VirtualDisk writer = _host.OpenDisk(path))
        {
            Assert.Equal(ImageErrorKind.InUse, Refusal(path, new DiskOpenOptions { ReadOnly = true }).Kind);
            _host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true, ForceShare = true }).Dispose();
        }

        using VirtualDisk unlocked = _host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true, ForceShare = true });
        _host.OpenDisk(path).Dispose();
        _host.OpenDisk(_test["base.qed"]).Dispose();
    }

    [Fact]
    public void ParentThatAnotherDiskWrites_IsInUse_AndNamedBeneathItsChild()
    {
        string path = MakeChain("top.qed", "base.qed");
        using VirtualDisk writer = _host.OpenDisk(_test["base.qed"]);

        ImageException refusal = Refusal(path, new DiskOpenOptions { ReadOnly = true });

        Assert.Equal((ImageErrorKind.InUse, "open parent", _test["base.qed"]), (refusal.Kind, refusal.Operation, refusal.Path));
        Assert.Equal($"{path}: its parent 'base.qed' (level 1) is in use. {refusal.InnerException?.Message}", refusal.Message);
        _host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true, ForceShare = true }).Dispose();
    }

    [Fact]
    public async Task Storage_WithOptionsThatContradict_IsRefused_AndDisposed()
    {
        var file = new SimulatedFile("top");
        await _backend.CreateAsync(file.Open(), new ImageCreateOptions { VirtualSizeBytes = Size }, Stop);
        SimulatedStorage storage = file.Open();

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(() => _host.OpenDiskAsync(storage, new DiskOpenOptions { MaxDepth = 0 }, Stop).AsTask());

        Assert.Equal("MaxDepth is 0; a disk has at least 1 level.", refusal.Message);
        Assert.True(storage.IsDisposed);
        Assert.Empty(_backend.Opened);
    }

    [Fact]
    public async Task Opening_ThatIsCancelledBetweenTwoLevels_OpensNoMore_AndLeavesNothingOpen()
    {
        string path = MakeChain("top.qed", "middle.qed", "base.qed");
        using var cancellation = new CancellationTokenSource();
        _backend.AfterOpen = file => (file == "top.qed" ? cancellation : null)?.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _host.OpenDiskAsync(path, null, cancellation.Token).AsTask());

        Assert.Equal(["top.qed"], _backend.Opened.Select(each => each.File));
        _host.OpenDisk(path).Dispose();
    }

    [Fact]
    public async Task Opening_ThatIsCancelledInTheMiddle_ProbesNoFurtherParent()
    {
        _test.Raw("base.raw", Size, 7);
        string path = _test.Qed("top.qed", Size, "base.raw", "raw");
        using var cancellation = new CancellationTokenSource();
        _backend.AfterOpen = _ => cancellation.Cancel();
        string gone = _test.Qed("over-nothing.qed", Size, "gone.raw", "raw");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _host.OpenDiskAsync(path, null, cancellation.Token).AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _host.OpenDiskAsync(gone, null, cancellation.Token).AsTask());
    }

    [Theory]
    [InlineData("middle.qed", 3, 1, 3)]
    [InlineData("base.qed", 2, 2, 2)]
    public async Task NewParent_ThatTheDiskHasOpenAlready_IsThatLevel_WithAllBeneathIt(string parent, int maxDepth, int first, int levels)
    {
        (Generation chain, ChainOpener opener) = await OpenAsync(new DiskOpenOptions { MaxDepth = maxDepth }, MakeChain("top.qed", "middle.qed", "base.qed"));
        _backend.Opened.Clear();
        _backend.Told.Clear();

        IReadOnlyList<Level> beneath = await opener.OpenBeneathAsync(chain.Levels, new ParentReference(parent), "qed", Stop);

        Assert.Equal(levels - 1, beneath.Count);
        Assert.Equal(chain.Levels[first..], beneath);
        Assert.Empty(_backend.Opened);
        Assert.Empty(_backend.Told);
    }

    [Fact]
    public async Task NewParents_AreOpened_DownToALevelThatTheDiskHas_AndToldWhatLiesBeneath()
    {
        string top = MakeChain("top.qed", "middle.qed", "base.qed");
        _test.Qed("lower.qed", Size / 2, "middle.qed", "qed");
        _test.Qed("upper.qed", Size, "lower.qed", "qed");
        (Generation chain, ChainOpener opener) = await OpenAsync(new DiskOpenOptions { MaxDepth = 5 }, top);
        _backend.Opened.Clear();
        _backend.Told.Clear();

        IReadOnlyList<Level> beneath = await opener.OpenBeneathAsync(chain.Levels, new ParentReference("upper.qed"), null, Stop);
        _open.AddRange(beneath.Except(_open));

        Assert.Equal([_test["upper.qed"], _test["lower.qed"], _test["middle.qed"], _test["base.qed"]], beneath.Select(level => level.Path));
        Assert.Equal(chain.Levels[1..], beneath.Skip(2));
        Assert.Equal(["upper.qed", "lower.qed"], _backend.Opened.Select(each => each.File));
        Assert.Equal([("lower.qed", Beneath.UpTo(Size)), ("upper.qed", Beneath.UpTo(Size))], _backend.Told);
    }

    [Fact]
    public async Task NewParent_UnderWhichTheDisksOwnLevelsAreTooMany_IsRefused_AndClosed()
    {
        string top = MakeChain("top.qed", "middle.qed", "base.qed");
        _test.Qed("between.qed", Size, "middle.qed", "qed");
        (Generation chain, ChainOpener opener) = await OpenAsync(new DiskOpenOptions { MaxDepth = 3 }, top);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(() => opener.OpenBeneathAsync(chain.Levels, new ParentReference("between.qed"), null, Stop).AsTask());

        Assert.Equal((ImageErrorKind.RefusedByPolicy, "open parent"), (refusal.Kind, refusal.Operation));
        Assert.Equal(
            $"{_test["between.qed"]}: the parent 'middle.qed' (level 2) would make a chain of 4 levels, which may have 3. Allow more with MaxDepth, or merge some levels.", refusal.Message);
        _host.OpenDisk(_test["between.qed"], new DiskOpenOptions { ReadOnly = true }).Dispose();
        Assert.Equal(ImageErrorKind.InUse, Refusal(_test["middle.qed"], new DiskOpenOptions()).Kind);
    }

    [Fact]
    public async Task NewParent_OfAnotherFormatThanTold_IsRefused_AndClosed()
    {
        (Generation chain, ChainOpener opener) = await OpenAsync(new DiskOpenOptions { AllowedParentFormats = ["qed", "raw"] }, MakeChain("top.qed", "base.qed"));
        string other = _test.Qed("other.qed", Size);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(() => opener.OpenBeneathAsync(chain.Levels, new ParentReference("other.qed"), "raw", Stop).AsTask());

        Assert.Equal((ImageErrorKind.InvalidArgument, "open parent", other), (refusal.Kind, refusal.Operation, refusal.Path));
        Assert.Equal($"{_test["top.qed"]}: the parent '{other}' is of the format 'qed', not 'raw'.", refusal.Message);
        _host.OpenDisk(other).Dispose();
    }

    [Fact]
    public async Task NewParent_WithOptionsThatContradict_IsRefusedBeforeAnythingIsOpened()
    {
        (Generation chain, _) = await OpenAsync(new DiskOpenOptions(), MakeChain("top.qed", "base.qed"));
        _backend.Opened.Clear();

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(
            () => new ChainOpener(_host.Opener, new DiskOpenOptions { AllowMissingParent = true }).OpenBeneathAsync(chain.Levels, new ParentReference("base.qed"), null, Stop).AsTask());

        Assert.Equal("AllowMissingParent needs ReadOnly: writing to such a disk would destroy data.", refusal.Message);
    }

    [Fact]
    public void HintAtLinks_IsGivenWhereALinkLeadsOut_AndNowhereElse()
    {
        const string Hint = " A link leads out: store the name of the file that it leads to, or trust the images with Trust (--trusted).";
        string outside = _test.Raw("outside.raw", Size, 7);
        string linked = _test.Qed("inner/top.qed", Size, "link.raw", "raw");
        File.CreateSymbolicLink(_test["inner/link.raw"], outside);
        Directory.CreateDirectory(_test["inner/folder"]);
        string folder = _test.Qed("inner/over-folder.qed", Size, "folder", "raw");

        ImageException ofLink = Refusal(linked, new DiskOpenOptions()), ofFolder = Refusal(folder, new DiskOpenOptions());

        Assert.Equal($"{linked}: the parent 'link.raw' (level 1) was refused: {ofLink.InnerException?.Message}{Hint}", ofLink.Message);
        Assert.Equal($"{folder}: the parent 'folder' (level 1) was refused: {ofFolder.InnerException?.Message}", ofFolder.Message);
        Assert.Contains("it is a folder", ofFolder.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Storage_IsProbedAndOpenedInTheFormThatTheDiskIs(bool isAsync)
    {
        var file = new SimulatedFile("top");
        await _backend.CreateAsync(file.Open(), new ImageCreateOptions { VirtualSizeBytes = Size }, Stop);
        using var storage = new FormStorage(file.Open());
        var opener = new ChainOpener(_host.Opener, new DiskOpenOptions());

        Generation chain = isAsync ? await opener.OpenAsync<AsyncIo>(storage, "top", null, Stop) : SyncIo.Complete(opener.OpenAsync<SyncIo>(storage, "top", null, default));

        _open.AddRange(chain.Levels);
        Assert.True(storage.WereSynchronous.Count > 1);
        Assert.All(storage.WereSynchronous, isSynchronous => Assert.Equal(!isAsync, isSynchronous));
    }

    [Fact]
    public void ParentThatCannotBeOpened_IsNotHeld()
    {
        string path = MakeChain("top.qed", "base.qed");
        using (FileStream file = File.OpenWrite(_test["base.qed"]))
        {
            file.Position = 8;
            file.Write([3, 0, 0, 0]);
        }

        Assert.Equal(ImageErrorKind.Corrupt, Refusal(path, new DiskOpenOptions()).Kind);

        FileStorage.Open(_test["base.qed"]).Dispose();
        FileStorage.Open(path).Dispose();
    }

    private string MakeChain(params string[] names)
    {
        for (int i = names.Length - 1; i >= 0; i--)
        {
            _test.Qed(names[i], Size, i < names.Length - 1 ? names[i + 1] : null, i < names.Length - 1 ? "qed" : null);
        }

        return _test[names[0]];
    }

    // What this opens is closed when the test ends.
    private async Task<(Generation Chain, ChainOpener Opener)> OpenAsync(DiskOpenOptions options, string path)
    {
        Generation chain = await new ChainOpener(_host.Opener, options with { MaxDepth = DiskOpenOptions.DefaultMaxDepth }).OpenAsync<AsyncIo>(path, Stop);
        _open.AddRange(chain.Levels);
        return (chain, new ChainOpener(_host.Opener, options));
    }

    private ImageException Refusal(string path, DiskOpenOptions options) => Assert.Throws<ImageException>(() => _host.OpenDisk(path, options).Dispose());

    /// <summary>Notes in which form it is read.</summary>
    private sealed class FormStorage(IImageStorage inner) : IImageStorage
    {
        public List<bool> WereSynchronous { get; } = [];

        public string Name => inner.Name;

        public StorageFacts Facts => inner.Facts;

        public StorageIdentity Identity => inner.Identity;

        public bool IsReadOnly => inner.IsReadOnly;

        public long GetLength() => inner.GetLength();

        public long GetAllocatedBytes() => inner.GetAllocatedBytes();

        public int Read(long offset, Span<byte> buffer)
        {
            WereSynchronous.Add(true);
            return inner.Read(offset, buffer);
        }

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            WereSynchronous.Add(false);
            return inner.ReadAsync(offset, buffer, cancellationToken);
        }

        public void Write(long offset, ReadOnlySpan<byte> buffer) => inner.Write(offset, buffer);

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(offset, buffer, cancellationToken);

        public void SetLength(long lengthBytes) => inner.SetLength(lengthBytes);

        public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => inner.SetLengthAsync(lengthBytes, cancellationToken);

        public void Barrier() => inner.Barrier();

        public ValueTask BarrierAsync(CancellationToken cancellationToken = default) => inner.BarrierAsync(cancellationToken);

        public void PunchHole(long offset, long lengthBytes) => inner.PunchHole(offset, lengthBytes);

        public ValueTask PunchHoleAsync(long offset, long lengthBytes, CancellationToken cancellationToken = default) => inner.PunchHoleAsync(offset, lengthBytes, cancellationToken);

        public StorageExtent GetExtent(long offset) => inner.GetExtent(offset);

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
