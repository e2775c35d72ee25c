using QedVd.TestKit;

namespace QedVd.Host.Tests;

public sealed class BackendResultsTests
{
    private const int Block = 4096;

    [Theory]
    [InlineData(ExtentKind.Data, 1, 512, true)]
    [InlineData(ExtentKind.Zero, 512, 512, true)]
    [InlineData(ExtentKind.Free, 511, 512, true)]
    [InlineData(ExtentKind.Data, 0, 0, true)]
    [InlineData(ExtentKind.Data, 0, 512, false)]
    [InlineData(ExtentKind.Data, 513, 512, false)]
    [InlineData(ExtentKind.Data, 1, 0, false)]
    [InlineData(ExtentKind.Data, -1, 512, false)]
    [InlineData(ExtentKind.Data, int.MinValue, 512, false)]
    [InlineData((ExtentKind)3, 512, 512, false)]
    [InlineData((ExtentKind)(-1), 512, 512, false)]
    [InlineData((ExtentKind)3, 0, 0, false)]
    public void ReadAnswer_IsAcceptedOnlyWithAKnownKind_AndOneToAskedBytes(ExtentKind kind, int length, int asked, bool accepted) =>
        Expect(accepted, image => BackendResults.Check(new ReadResult(kind, length), asked, image), $"answered a read of {asked} bytes with {(int)kind} ({kind}) for {length} bytes");

    [Theory]
    // Done: the length alone.
    [InlineData(false, 1, 0, 0, 0, 512, true)]
    [InlineData(false, 512, 0, 0, 7, 512, true)]
    [InlineData(false, 0, 0, 0, 0, 0, true)]
    [InlineData(false, 0, 0, 0, 0, 512, false)]
    [InlineData(false, 513, 0, 0, 0, 512, false)]
    [InlineData(false, long.MinValue, 0, 0, 0, 512, false)]
    [InlineData(false, 512, 1, 0, 0, 512, false)]
    [InlineData(false, 512, 0, 1, 0, 512, false)]
    // Free: pre and post complete the run to whole blocks.
    [InlineData(true, 512, 512, 3072, 512, 512, true)]
    [InlineData(true, 4096, 0, 0, 8192, 4096, true)]
    [InlineData(true, 100, 4095, 3997, 4095, 100, true)]
    [InlineData(true, 512, 512, 3071, 512, 512, false)]
    [InlineData(true, 512, 511, 3072, 512, 512, false)]
    [InlineData(true, 512, 4608, 3072, 4608, 512, false)]
    [InlineData(true, 4096, 0, 4096, 8192, 4096, false)]
    [InlineData(true, 512, -3584, 3072, 512, 512, false)]
    [InlineData(true, 512, 512, -1024, 512, 512, false)]
    [InlineData(true, 0, 512, 3584, 512, 512, false)]
    [InlineData(true, 1024, 512, 2560, 512, 512, false)]
    public void WriteAnswer_IsAcceptedOnlyWhenItsAmountsMakeWholeBlocks(bool free, long length, long pre, long post, long offset, long asked, bool accepted) =>
        Expect(
            accepted,
            image => BackendResults.Check(new WriteResult(free, length, pre, post), offset, asked, image),
            $"answered a write of {asked} bytes at {offset} with {(free ? "free" : "done")} for {length} bytes, {pre} before and {post} behind");

    [Theory]
    [InlineData(ExtentKind.Data, 512, 65536, true)]
    [InlineData(ExtentKind.Data, 512, -1, true)]
    [InlineData(ExtentKind.Zero, 1, 65536, true)]
    [InlineData(ExtentKind.Free, 1, -1, true)]
    [InlineData(ExtentKind.Free, 1, 0, false)]
    [InlineData(ExtentKind.Data, 0, 0, false)]
    [InlineData(ExtentKind.Data, 513, 0, false)]
    [InlineData(ExtentKind.Data, -1, 0, false)]
    [InlineData(ExtentKind.Data, 512, -2, false)]
    [InlineData(ExtentKind.Data, 512, long.MaxValue, false)]
    [InlineData((ExtentKind)9, 512, 0, false)]
    public void Extent_IsAcceptedOnlyWithAPossibleLengthAndPlace(ExtentKind kind, long length, long place, bool accepted) =>
        Expect(
            accepted,
            image => BackendResults.Check(new Extent(kind, length, place), 512, image),
            $"described a run of 512 bytes as {(int)kind} ({kind}), {length} bytes at {place} of its storage");

    [Theory]
    [InlineData(1, 1, 1, true)]
    [InlineData(512, 65536, 65536, true)]
    [InlineData(512, 512, 1, true)]
    [InlineData(0, 1, 1, false)]
    [InlineData(3, 3, 1, false)]
    [InlineData(-2, 4, 1, false)]
    [InlineData(512, 768, 1, false)]
    [InlineData(1, 0, 1, false)]
    [InlineData(1, int.MaxValue, 1, false)]
    [InlineData(1, 1, 0, false)]
    public void Limits_ThatCannotBe_AreAFault(int alignment, int block, int best, bool accepted)
    {
        using var image = new FakeImage { LimitsToState = new ImageLimits(alignment, block, best) };

        ImageException? fault = (ImageException?)Record.Exception(() => BackendResults.CheckImage(image, ImageOpenFlags.None));

        Assert.Equal(accepted, fault is null);
        Assert.True(accepted || fault!.Message.Contains($"states alignment {alignment}, block {block}, best request {best} bytes", StringComparison.Ordinal));
    }

    [Fact]
    public void Checks_AllocateNothing()
    {
        using var image = new FakeImage();

        Assert.Equal(0, Allocations.LeastOf(1000, _ => CheckThree(image)));

        static void CheckThree(FakeImage image)
        {
            BackendResults.Check(new ReadResult(ExtentKind.Data, 512), 512, image);
            BackendResults.Check(WriteResult.Free(512, 512, 3072), 512, 512, image);
            BackendResults.Check(new Extent(ExtentKind.Data, 512, 0), 512, image);
        }
    }

    private static void Expect(bool accepted, Action<IDiskImage> check, string message)
    {
        using var image = new FakeImage();

        ImageException? fault = (ImageException?)Record.Exception(() => check(image));

        Assert.Equal(accepted ? null : $"fake.img: backend 'fake' {message}, which the contract does not allow. Do not write to the image with it; report this to its author.", fault?.Message);
        Assert.True(accepted || fault!.Kind == ImageErrorKind.BackendFault);
    }

    private sealed class FakeImage : DiskImageBase
    {
        public ImageLimits LimitsToState { get; init; } = new(1, Block, Block);

        public override BackendInfo Backend { get; } = new FakeBackend().Info;

        public override string Name => "fake.img";

        public override ImageCapabilities Capabilities => ImageCapabilities.None;

        public override ImageFlags Flags => ImageFlags.None;

        public override ImageOpenFlags OpenFlags => ImageOpenFlags.None;

        public override long VirtualSizeBytes => 1 << 20;

        public override ImageLimits Limits => LimitsToState;

        public override ImageFileSize GetFileSize() => default;

        protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken) => throw new NotSupportedException();

        protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken) => throw new NotSupportedException();

        protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) => throw new NotSupportedException();

        protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) => throw new NotSupportedException();

        protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) => default;

        protected override ValueTask CloseCore<TIo>() => default;
    }
}
