using System.Buffers;

namespace QedVd.Host.Tests.Chains;

/// <summary>What the host makes of an image's answers while it fills a free block: those that cannot be, and those that became another meanwhile.</summary>
public sealed class GrowthAnswersTests
{
    private const int Block = 4096;
    private const int Mega = 1 << 20;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Discard_ThatIsAnsweredWithFree_IsTheBackendsMistake(bool isOver)
    {
        var top = new AnsweringImage(new TracedImage("top", Mega, Block, ExtentKind.Free)) { OnDiscard = length => WriteResult.Free(length, 0, 0) };
        using VirtualDisk disk = isOver ? TestDisks.Compose(top, new TracedImage("base", Mega, Block, ExtentKind.Data, 9)) : TestDisks.Compose(top);

        ImageException fault = Assert.Throws<ImageException>(() => disk.Discard(Block, Block));

        Assert.Equal((ImageErrorKind.BackendFault, "top", "write", (long)Block), (fault.Kind, fault.Path, fault.Operation, fault.OffsetBytes));
        Assert.StartsWith("top: the backend 'traced' answered a change of 4096 bytes at 4096 with 'free' though nothing forbade it to allocate.", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Discard_ThatIsAnsweredWithMoreThanItWasAskedFor_IsTheBackendsMistake(bool isOver)
    {
        var top = new AnsweringImage(new TracedImage("top", Mega, Block, ExtentKind.Free)) { OnDiscard = length => WriteResult.Done(length + 1) };
        using VirtualDisk disk = isOver ? TestDisks.Compose(top, new TracedImage("base", Mega, Block, ExtentKind.Data, 9)) : TestDisks.Compose(top);

        Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(() => disk.Discard(Block, Block)).Kind);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void FilledBlock_ThatIsAnsweredWithFree_IsTheBackendsMistake(bool isZero)
    {
        var top = new TracedImage("top", Mega, Block, ExtentKind.Free) { IsAlwaysFree = true };
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", Mega, Block, ExtentKind.Data, 9));

        ImageException fault = Assert.Throws<ImageException>(() => Change(disk, Block, Block, isZero));

        Assert.Equal((ImageErrorKind.BackendFault, "top", "write", (long)Block), (fault.Kind, fault.Path, fault.Operation, fault.OffsetBytes));
        Assert.Equal($"{(isZero ? "zero" : "write")} 4096+4096", top.Asked[^1]);
    }

    [Theory]
    [InlineData(false, "write 4096+4096 NoAllocate")]
    [InlineData(true, "zero 4096+4096 NoAllocate")]
    public void FreeRun_ThatIsSaidToBeLongerThanWasAsked_IsNotFilled(bool isZero, string asked)
    {
        var traced = new TracedImage("top", Mega, Block, ExtentKind.Free);
        var top = new AnsweringImage(traced) { OnMap = (length, _) => new Extent(ExtentKind.Free, length + Block) };
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", Mega, Block, ExtentKind.Data, 9));

        ImageException fault = Assert.Throws<ImageException>(() => Change(disk, Block, Block, isZero));

        Assert.Equal(ImageErrorKind.BackendFault, fault.Kind);
        Assert.Contains("described a run of 4096 bytes as 0 (Free), 8192 bytes", fault.Message, StringComparison.Ordinal);
        Assert.Equal([asked], traced.Asked);
    }

    [Fact]
    public void PartOfTheLastBlock_IsFilledFromTheParentInsideOfTheDiskOnly_AndWithZerosBeyond()
    {
        var traced = new TracedImage("top", (10 * Block) + 512, Block, ExtentKind.Free);
        var top = new AnsweringImage(traced);
        var bottom = new TracedImage("base", Mega, Block, ExtentKind.Data, 9);
        using VirtualDisk disk = TestDisks.Compose(top, bottom);
        byte[] used = ArrayPool<byte>.Shared.Rent(Block);
        used.AsSpan().Fill(0xEE);
        ArrayPool<byte>.Shared.Return(used);

        disk.Write((10 * Block) + 3, [5]);

        byte[] expected = new byte[Block];
        expected.AsSpan(0, 512).Fill(9);
        expected[3] = 5;
        Assert.Equal(["read 40960+512"], bottom.Asked);
        Assert.Equal(["write 40963+1 NoAllocate", "write 40960+4096"], traced.Asked);
        Assert.Equal(expected, top.Written);
    }

    [Fact]
    public void ZeroThatHasToBeFast_AndIsNoMoreWhenItComesToIt_WritesNothing()
    {
        var traced = new TracedImage("top", Mega, Block, ExtentKind.Free);
        var top = new AnsweringImage(traced) { OnMap = (length, look) => new Extent(look == 1 ? ExtentKind.Zero : ExtentKind.Free, length) };
        using VirtualDisk disk = TestDisks.Compose(top, new TracedImage("base", Mega, Block, ExtentKind.Data, 9));

        ImageException refusal = Assert.Throws<ImageException>(() => disk.WriteZeroes(100, 10, WriteFlags.FastOnly));

        Assert.Equal((ImageErrorKind.NotSupported, "top: zeroing this range without writing data is not supported here."), (refusal.Kind, refusal.Message));
        Assert.Equal(["zero 100+10 NoAllocate, FastOnly"], traced.Asked);
    }

    private static void Change(VirtualDisk disk, long offset, int length, bool isZero)
    {
        if (isZero)
        {
            disk.WriteZeroes(offset, length);
        }
        else
        {
            byte[] bytes = new byte[length];
            bytes.AsSpan().Fill(5);
            disk.Write(offset, bytes);
        }
    }

    /// <summary>Gives the answers that it is told, and keeps what it was given last.</summary>
    private sealed class AnsweringImage(IDiskImage inner) : DelegatingImage(inner)
    {
        private int _looks;

        public Func<long, int, Extent>? OnMap { get; init; }

        public Func<long, WriteResult>? OnDiscard { get; init; }

        public byte[] Written { get; private set; } = [];

        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            if (OnMap is null)
            {
                return base.TryMap(offset, lengthBytes, out extent);
            }

            extent = OnMap(lengthBytes, ++_looks);
            return true;
        }

        protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        {
            Written = buffer.Span.ToArray();
            return base.WriteCore<TIo>(offset, buffer, flags, cancellationToken);
        }

        protected override ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
            OnDiscard is null ? base.DiscardCore<TIo>(offset, lengthBytes, flags, cancellationToken) : new(OnDiscard(lengthBytes));
    }
}
