using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Chains;

/// <summary>An image and its file change their access together, or neither does.</summary>
public sealed class LevelAccessTests : IDisposable
{
    private const ImageOpenFlags Before = ImageOpenFlags.Discard | ImageOpenFlags.HonorZeroes;

    private readonly TempFolder _folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ToReadOnly_TheImageIsFlushed_AndKeepsItsOtherFlags()
    {
        using FileStorage file = FileStorage.Open(_folder.Create("image"));
        var image = new FlaggedImage(Before);

        await LevelAccess.FreezeAsync(LevelOf(image, file), Stop);

        Assert.Equal(["flush", $"{Before | ImageOpenFlags.ReadOnly}"], image.Asked);
        Assert.True(file.IsReadOnly);
    }

    [Fact]
    public async Task ToReadOnly_WhereTheFileCannotFollow_TheImageIsAsBefore()
    {
        FileStorage file = FileStorage.Open(_folder.Create("image"));
        file.Dispose();
        var image = new FlaggedImage(Before);

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await LevelAccess.FreezeAsync(LevelOf(image, file), Stop));

        Assert.Equal(["flush", $"{Before | ImageOpenFlags.ReadOnly}", $"{Before}"], image.Asked);
    }

    [Fact]
    public async Task ToReadOnly_OfAFormatThatCannotChangeItsFlags_TheFileFollows_OrItsErrorIsTold()
    {
        var image = new FlaggedImage(Before) { Thrown = ImageException.NotSupported("changing the open flags", "image") };
        FileStorage file = FileStorage.Open(_folder.Create("image"));
        await LevelAccess.FreezeAsync(LevelOf(image, file), Stop);
        Assert.True(file.IsReadOnly);
        file.Dispose();

        FileStorage other = FileStorage.Open(_folder["image"]);
        other.Dispose();
        image.Asked.Clear();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await LevelAccess.FreezeAsync(LevelOf(image, other), Stop));
        Assert.Equal(["flush", $"{Before | ImageOpenFlags.ReadOnly}"], image.Asked);
    }

    [Fact]
    public async Task ToReadOnly_WhereTheImageThrowsWhatItMayNot_TheFileStaysWritable()
    {
        using FileStorage file = FileStorage.Open(_folder.Create("image"));
        var image = new FlaggedImage(Before) { Thrown = new KeyNotFoundException("at 17") };

        ImageException fault = await Assert.ThrowsAsync<ImageException>(async () => await LevelAccess.FreezeAsync(LevelOf(image, file), Stop));

        Assert.Equal((ImageErrorKind.BackendFault, "changing the access to"), (fault.Kind, fault.Operation));
        Assert.False(file.IsReadOnly);
    }

    [Fact]
    public async Task ToWritable_TheFileComesFirst_AndGoesBackWhereTheImageRefuses()
    {
        using FileStorage file = FileStorage.Open(_folder.Create("image"), new FileStorageOptions { ReadOnly = true });
        var image = new FlaggedImage(Before | ImageOpenFlags.ReadOnly) { Thrown = new ImageException(ImageErrorKind.Corrupt, "damaged") };
        image.OnFlags = () => Assert.False(file.IsReadOnly);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await LevelAccess.UnfreezeAsync(LevelOf(image, file), image.OpenFlags, NullLogger.Instance, Stop));
        Assert.Equal(ImageErrorKind.Corrupt, refusal.Kind);
        Assert.True(file.IsReadOnly);

        image.Thrown = null;
        await LevelAccess.UnfreezeAsync(LevelOf(image, file), image.OpenFlags | ImageOpenFlags.Info, NullLogger.Instance, Stop);
        Assert.False(file.IsReadOnly);
        Assert.Equal([$"{Before}", $"{Before}"], image.Asked);
    }

    private static Level LevelOf(IDiskImage image, FileStorage file) => new() { Image = image, Path = file.Name, FormatId = "blocks", Storage = file };

    private sealed class FlaggedImage(ImageOpenFlags flags) : DelegatingImage(new BlockImage("image", 4096, 4096))
    {
        private ImageOpenFlags _flags = flags;

        public List<string> Asked { get; } = [];

        public Exception? Thrown { get; set; }

        public Action? OnFlags { get; set; }

        public override ImageOpenFlags OpenFlags => _flags;

        public override ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
        {
            Asked.Add($"{flags}");
            OnFlags?.Invoke();
            _flags = Thrown is null ? flags : throw Thrown;
            return default;
        }

        protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
        {
            Asked.Add("flush");
            return default;
        }
    }
}
