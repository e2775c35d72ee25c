using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a pull asks the top for, request by request.</summary>
public sealed class PullWorkerTests
{
    private const int Block = 4096;
    private const int Mega = 1 << 20;
    private const int Ragged = (4 * Block) + 512;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Neighbours are one request, the rest of the last block goes with it, and only bytes of the disk count.</summary>
    [Theory]
    [InlineData(0, Ragged, "write 0+20480", "flush")]
    [InlineData(1, Ragged - Block, "write 4096+16384", "flush")]
    [InlineData(4, 512, "write 16384+4096", "flush")]
    public async Task WhatLiesSideBySide_IsWrittenAtOnce_UpToTheEndOfTheLastBlock(int held, long copiedBytes, params string[] asked)
    {
        TracedImage traced = new("top", Ragged, Block, ExtentKind.Free);
        if (held > 0)
        {
            traced.Set(0, held * Block, ExtentKind.Data);
        }

        using VirtualDisk disk = TestDisks.Compose(new PulledImage(traced), new TracedImage("base", Mega, Block, ExtentKind.Data, 9));

        OperationResult result = await disk.FlattenAsync(cancellationToken: Stop);

        Assert.Equal(asked, traced.Asked);
        Assert.Equal(new OperationResult(Ragged, copiedBytes, Ragged - copiedBytes), result);
    }

    [Fact]
    public async Task WhatLiesApart_IsWrittenApart()
    {
        TracedImage traced = new("top", 8 * Block, Block, ExtentKind.Free);
        using VirtualDisk disk = TestDisks.Compose(new PulledImage(traced), EverySecond());

        Assert.Equal(4 * Block, (await disk.FlattenAsync(cancellationToken: Stop)).CopiedBytes);

        Assert.Equal(["write 0+4096", "write 8192+4096", "write 16384+4096", "write 24576+4096", "flush"], traced.Asked);
    }

    /// <summary>All of it was read together; it stops all the same between what is written.</summary>
    [Fact]
    public async Task Cancelling_StopsBetweenTwoRuns()
    {
        using var cancel = new CancellationTokenSource();
        TracedImage traced = new("top", 8 * Block, Block, ExtentKind.Free);
        using VirtualDisk disk = TestDisks.Compose(new PulledImage(traced) { AfterWrite = cancel.Cancel }, EverySecond());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await disk.FlattenAsync(cancellationToken: cancel.Token));

        Assert.Equal(["write 0+4096"], traced.Asked);
    }

    [Fact]
    public async Task SmallBlocks_AreComparedSeveralAtATime()
    {
        var top = new BlockImage("top", 16 * Block, 512);
        var bottom = new BlockImage("base", 16 * Block, Block);
        using (VirtualDisk below = TestDisks.Compose(bottom))
        {
            below.Write(Block + 512, new byte[] { 7 });
            below.Write(5 * Block, new byte[2 * Block]);
            below.Write((6 * Block) + 1024, new byte[] { 8 });
            using VirtualDisk disk = TestDisks.Compose(new PulledImage(top), bottom);
            byte[] expected = TestDisks.ReadAll(disk);

            Assert.Equal(2 * Block, (await disk.FlattenAsync(cancellationToken: Stop)).CopiedBytes);

            Assert.Equal(expected, TestDisks.ReadAll(disk));
            Assert.Equal([1, 6], Enumerable.Range(0, 16).Where(i => top.KindOf(i * Block) == ExtentKind.Data));
            Assert.Equal(ExtentKind.Data, top.KindOf((2 * Block) - 512));
        }
    }

    /// <summary>The last blocks of a piece are fewer than are compared at a time, and what follows in the buffer comes from elsewhere.</summary>
    [Fact]
    public async Task APieceThatEndsBetween_TakesNothingFromTheNext()
    {
        var top = new BlockImage("top", 16 * Block, 512);
        var bottom = new BlockImage("base", 16 * Block, 512);
        using VirtualDisk below = TestDisks.Compose(bottom);
        byte[] bytes = new byte[Block + 512];
        bytes.AsSpan().Fill(7);
        below.Write(0, bytes);
        bytes.AsSpan().Fill(8);
        below.Write(Block + 1024, bytes);
        using VirtualDisk disk = TestDisks.Compose(new PulledImage(top), bottom);
        byte[] expected = TestDisks.ReadAll(disk);

        Assert.Equal(2 * (Block + 512), (await disk.FlattenAsync(cancellationToken: Stop)).CopiedBytes);

        Assert.Equal(expected, TestDisks.ReadAll(disk));
        Assert.Equal(ExtentKind.Free, top.KindOf(Block + 512));
    }

    /// <summary>Longer than a buffer: they are not read.</summary>
    [Fact]
    public async Task LongZerosOverData_AreMarked_WithoutABuffer()
    {
        using var test = new PullFolder();
        test.Create("old", Mega);
        test.Create("new", Mega);
        test.Fill("new", 1, 0, Mega);
        test.Create("top", Mega, "old");

        OperationResult result = await test.Host.RebaseAsync(test["top"], test["new"], options: PullFolder.Options, cancellationToken: Stop);

        Assert.Equal(0, result.CopiedBytes);
        Assert.Equal((ExtentKind.Zero, ExtentKind.Zero), (await test.OwnAsync("top", 0), await test.OwnAsync("top", Mega - Block)));
        Assert.DoesNotContain(test.Read("top"), value => value != 0);
    }

    private static TracedImage EverySecond()
    {
        TracedImage image = new("base", 8 * Block, Block, ExtentKind.Zero, 9);
        for (int i = 0; i < 8; i += 2)
        {
            image.Set(i * Block, Block, ExtentKind.Data);
        }

        return image;
    }

    /// <summary>Can be relinked, and is asked for nothing outside of its disk.</summary>
    private sealed class PulledImage(IDiskImage inner) : DelegatingImage(inner)
    {
        public Action? AfterWrite { get; init; }

        public override ImageCapabilities Capabilities => base.Capabilities | ImageCapabilities.SetParent;

        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            Assert.InRange(lengthBytes, 0, VirtualSizeBytes - offset);
            return base.TryMap(offset, lengthBytes, out extent);
        }

        protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        {
            Assert.InRange(lengthBytes, 0, VirtualSizeBytes - offset);
            return base.MapCore<TIo>(offset, lengthBytes, cancellationToken);
        }

        protected override async ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        {
            WriteResult result = await base.WriteCore<TIo>(offset, buffer, flags, cancellationToken);
            AfterWrite?.Invoke();
            return result;
        }
    }
}
