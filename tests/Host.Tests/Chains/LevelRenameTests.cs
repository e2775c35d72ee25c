using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Chains;

/// <summary>What happens to the parent's name, step by step, when an image goes to another folder; and what is said where it cannot.</summary>
public sealed class LevelRenameTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LogLines _log = new();
    private readonly FileStorage _file;

    public LevelRenameTests()
    {
        Directory.CreateDirectory(_folder["sub"]);
        _file = FileStorage.Open(_folder.Create("top"));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string New => _folder["sub/top"];

    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task RelativeName_IsAbsoluteWhileTheFileMoves_AndRelativeAgainAfterwards()
    {
        var image = new NamingImage(new ParentReference("base", "raw"));

        Assert.Equal(New, await Rename(image).RunAsync(New, overwrite: false, Stop));

        Assert.Equal([$"{_folder["base"]} (raw) at top", "../base (raw) at sub/top"], image.Told);
        Assert.Equal(0, image.Flushes);
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task NameThatCannotBeMadeRelativeAgain_StaysAbsolute_AndTheLogSaysSo()
    {
        var image = new NamingImage(new ParentReference("base")) { FailsFrom = 1 };

        Assert.Equal(New, await Rename(image).RunAsync(New, overwrite: false, Stop));

        Assert.Equal(_folder["base"], image.Parent?.Name);
        Assert.Equal(1, image.Flushes);
        Assert.Equal([$"{New}: the parent's name stays absolute"], _log.Lines);
    }

    [Fact]
    public async Task NameThatCannotBeMadeDurable_IsTold_ThoughTheFileHasMoved()
    {
        var image = new NamingImage(new ParentReference("base")) { FailsFrom = 1, FlushError = new ImageException(ImageErrorKind.Fenced, "a barrier failed", offsetBytes: 77) };

        ImageException error = await Assert.ThrowsAsync<ImageException>(async () => await Rename(image).RunAsync(New, overwrite: false, Stop));

        Assert.Equal((ImageErrorKind.Fenced, New, "rename", 77L), (error.Kind, error.Path, error.Operation, error.OffsetBytes));
        Assert.Equal($"{New}: renamed, but what the image holds could not be made durable: a barrier failed", error.Message);
        Assert.True(File.Exists(New));
    }

    [Fact]
    public async Task RenameThatFails_GivesTheOldNameBack()
    {
        var image = new NamingImage(new ParentReference("./base"));
        _folder.Create("sub/top");

        Assert.Equal(ImageErrorKind.AlreadyExists, (await Assert.ThrowsAsync<ImageException>(async () => await Rename(image).RunAsync(New, overwrite: false, Stop))).Kind);

        Assert.Equal([$"{_folder["base"]} at top", "./base at top"], image.Told);
    }

    [Fact]
    public async Task RenameThatIsCancelledBefore_ChangesNothing()
    {
        var image = new NamingImage(new ParentReference("base"));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Rename(image).RunAsync(New, overwrite: false, new CancellationToken(canceled: true)));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Rename(new NamingImage(null)).RunAsync(New, overwrite: false, new CancellationToken(canceled: true)));

        Assert.Empty(image.Told);
        Assert.Equal(_folder["top"], _file.Name);
        Assert.True(File.Exists(_folder["top"]));
    }

    [Theory]
    [InlineData("base", ImageOpenFlags.None, true, "sub/top", null, null)]
    [InlineData("base", ImageOpenFlags.ReadOnly, true, "other", null, null)]
    [InlineData("nbd:host", ImageOpenFlags.ReadOnly, false, "sub/top", null, null)]
    [InlineData("/base", ImageOpenFlags.ReadOnly, false, "sub/top", null, null)]
    [InlineData("base", ImageOpenFlags.ReadOnly, true, "sub/top", ImageErrorKind.ReadOnly, "is relative to the image's folder, and has to be adapted to the new one. Open the image for writing.")]
    [InlineData("base", ImageOpenFlags.None, false, "sub/top", ImageErrorKind.NotSupported, "is relative to the image's folder, and the format 'blocks' cannot change it. Choose a name in the same folder.")]
    [InlineData("a\0b", ImageOpenFlags.None, true, "sub/top", ImageErrorKind.NotSupported, "contains a NUL byte, so that it cannot be adapted to another folder. Choose a name in the same folder.")]
    public async Task NameThatCannotBeAdapted_KeepsTheImageInItsFolder(string parent, ImageOpenFlags flags, bool canSetParent, string to, ImageErrorKind? kind, string? why)
    {
        var reference = new ParentReference(parent);
        LevelRename rename = Rename(new NamingImage(reference) { OpenedWith = flags, CanSetParent = canSetParent });
        if (kind is null)
        {
            Assert.Equal(_folder[to], await rename.RunAsync(_folder[to], overwrite: false, Stop));
            return;
        }

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await rename.RunAsync(_folder[to], overwrite: false, Stop));

        Assert.Equal((kind, _folder["top"], "rename"), (refusal.Kind, refusal.Path, refusal.Operation));
        Assert.Equal($"{_folder["top"]}: cannot rename to another folder: its parent's name '{DisplayText.Escape(reference.NameBytes)}' {why}", refusal.Message);
        Assert.True(File.Exists(_folder["top"]));
    }

    private LevelRename Rename(NamingImage image)
    {
        image.Where = () => Path.GetRelativePath(_folder.FullName, _file.Name);
        return new LevelRename(new Level { Image = image, Path = _file.Name, FormatId = "blocks", Storage = _file }, _file, _log);
    }

    /// <summary>Names a parent; notes each name that it gets, and where its file is then.</summary>
    private sealed class NamingImage(ParentReference? parent) : DelegatingImage(new BlockImage("image", 4096, 4096))
    {
        private ParentReference? _parent = parent;

        public List<string> Told { get; } = [];

        public Func<string>? Where { get; set; }

        public int FailsFrom { get; init; } = int.MaxValue;

        public Exception? FlushError { get; init; }

        public int Flushes { get; private set; }

        public ImageOpenFlags OpenedWith { get; init; }

        public bool CanSetParent { get; init; } = true;

        public override ParentReference? Parent => _parent;

        public override ImageOpenFlags OpenFlags => OpenedWith;

        public override ImageCapabilities Capabilities => CanSetParent ? ImageCapabilities.SetParent : ImageCapabilities.None;

        public override ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default)
        {
            if (Told.Count >= FailsFrom)
            {
                throw new ImageException(ImageErrorKind.OutOfSpace, "no room");
            }

            Told.Add($"{parent} at {Where!()}");
            _parent = parent;
            return default;
        }

        protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
        {
            Flushes++;
            return FlushError is null ? default : throw FlushError;
        }
    }
}
