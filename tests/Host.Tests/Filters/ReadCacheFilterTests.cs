using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Operations;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Filters;

public sealed class ReadCacheFilterTests
{
    private const int Block = 4096;
    private const int Size = (32 * Block) + 512;

    private readonly HookFilter _below = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SecondRead_IsAnsweredFromMemory_BothForms_AndAllocatesNothing()
    {
        using VirtualDisk disk = await MakeAsync(new ReadCacheFilter(64 * Block, Block));
        byte[] expected = TestDisks.ReadAll(disk);
        int before = _below.Reads;
        Assert.Equal(1, before);

        Assert.Equal(expected, TestDisks.ReadAll(disk));
        byte[] read = new byte[10_000];
        await disk.ReadAsync(Size - read.Length, read, Token);
        Assert.Equal(expected[(Size - read.Length)..], read);
        Assert.Equal(0, Allocations.LeastOf(100, i => disk.Read(i * 7, read)));
        Assert.Equal(0, Allocations.LeastOf(100, i => SyncIo.Complete(disk.ReadAsync(i * 7, read))));
        Assert.Equal(before, _below.Reads);
    }

    [Fact]
    public async Task SmallRead_FillsItsBlock_AndOnlyThat()
    {
        var cache = new ReadCacheFilter(64 * Block, Block);
        using VirtualDisk disk = await MakeAsync(cache);
        disk.Read(Block + 5, new byte[1]);
        disk.Read(Block, new byte[Block]);
        Assert.Equal((1, Block, Block), (_below.Reads, cache.MissBytes, cache.UsedBytes));
        disk.Read(0, new byte[3 * Block]);
        Assert.Equal((3, 3 * Block), (_below.Reads, cache.MissBytes));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatIsWritten_IsReadAnew(bool isAsync)
    {
        using VirtualDisk disk = await MakeAsync(new ReadCacheFilter(64 * Block, Block));
        byte[] expected = TestDisks.ReadAll(disk);
        byte[] bytes = [1, 2, 3];
        await (isAsync ? disk.WriteAsync(Block - 1, bytes) : Do(() => disk.Write(Block - 1, bytes)));
        bytes.CopyTo(expected, Block - 1);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
        await (isAsync ? disk.WriteZeroesAsync(2 * Block, 10 * Block) : Do(() => disk.WriteZeroes(2 * Block, 10 * Block)));
        expected.AsSpan(2 * Block, 10 * Block).Clear();
        Assert.Equal(expected, TestDisks.ReadAll(disk));
        disk.Write(20 * Block, new byte[Block]);
        await (isAsync ? disk.DiscardAsync(14 * Block, Block) : Do(() => disk.Discard(14 * Block, Block)));
        expected.AsSpan(20 * Block, Block).Clear();
        byte[] now = TestDisks.ReadAll(disk);
        byte[] truth = new byte[Size];
        await disk.RemoveFilterAsync(disk.Filters[0], Token);
        disk.Read(0, truth);
        Assert.Equal(truth, now);
    }

    [Fact]
    public async Task Fill_ThatAWriteOvertakes_IsNotKept()
    {
        using VirtualDisk disk = await MakeAsync(new ReadCacheFilter(64 * Block, Block));
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _below.AfterRead = () => written.Task;
        byte[] old = new byte[1];
        Task read = disk.ReadAsync(5, old, Token).AsTask();
        disk.Write(5, [42]);
        _below.AfterRead = null;
        written.SetResult();
        await read;

        byte[] now = new byte[1];
        disk.Read(5, now);
        Assert.Equal(42, now[0]);
    }

    [Fact]
    public async Task Fill_ThatBeginsDuringAWrite_IsNotKept()
    {
        using VirtualDisk disk = await MakeAsync(new ReadCacheFilter(64 * Block, Block));
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _below.BeforeWrite = () => go.Task;
        Task write = disk.WriteAsync(5, new byte[] { 42 }, cancellationToken: Token).AsTask();
        byte[] read = new byte[1];
        disk.Read(5, read);
        Assert.Equal(7, read[0]);
        go.SetResult();
        await write;

        disk.Read(5, read);
        Assert.Equal(42, read[0]);
    }

    [Fact]
    public async Task Budget_IsNeverExceeded_AndWhatIsUsedOftenStays()
    {
        var cache = new ReadCacheFilter(4 * Block, Block);
        using VirtualDisk disk = await MakeAsync(cache);
        byte[] expected = TestDisks.ReadAll(disk);
        Assert.Equal(4 * Block, cache.UsedBytes);
        for (int i = 0; i < 200; i++)
        {
            int offset = (i * 37 * 512) % (Size - 600);
            byte[] read = new byte[600];
            disk.Read(offset, read);
            Assert.Equal(expected[offset..(offset + 600)], read);
        }

        Assert.Equal(4 * Block, cache.UsedBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReadCacheFilter(Block - 1, Block));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReadCacheFilter(1 << 20, 5000));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EightThreads_SeeWhatTheyWrote(bool isAsync)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, 512) { ShortAnswers = 1, TableMisses = 2, Waits = 3 }, TestDisks.Filled("base", Size - 512, 512, 7));
        await disk.AddFilterAsync(new XorFilter(3, 1024), Token);
        await disk.AddFilterAsync(new ReadCacheFilter(8 * Block, Block), Token);
        byte[] start = TestDisks.ReadAll(disk);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() => WorkAsync(thread), Token)));

        async Task WorkAsync(int thread)
        {
            byte[] model = [.. start];
            var random = new Random((int)seed + thread);
            for (int i = 0; i < 2000; i++)
            {
                int from = random.Next(512);
                int length = random.Next(1, 512 - from + 1);
                int offset = (random.Next(12) * Block) + (thread * 512) + from;
                Memory<byte> mine = model.AsMemory(offset, length);
                byte[] read = new byte[length];
                switch (random.Next(5))
                {
                    case 0:
                        mine.Span.Clear();
                        await (isAsync ? disk.WriteZeroesAsync(offset, length) : Do(() => disk.WriteZeroes(offset, length)));
                        break;
                    case 1:
                        random.NextBytes(mine.Span);
                        await (isAsync ? disk.WriteAsync(offset, mine) : Do(() => disk.Write(offset, mine.Span)));
                        break;
                    default:
                        await (isAsync ? disk.ReadAsync(offset, read) : Do(() => disk.Read(offset, read)));
                        Assert.True(mine.Span.SequenceEqual(read), $"thread {thread}, request {i}: {length} bytes at {offset}");
                        break;
                }
            }
        }
    }

    [Fact]
    public async Task BadPlaceBesideWhatIsRead_DoesNotFailTheRead()
    {
        using VirtualDisk disk = await MakeAsync(new ReadCacheFilter(64 * Block, Block));
        _below.BadByte = 100;
        byte[] read = new byte[10];
        disk.Read(200, read);
        Assert.Equal(7, read[0]);
        await Assert.ThrowsAsync<ImageException>(async () => await disk.ReadAsync(95, read, Token));
        _below.BadByte = -1;
        disk.Read(95, read);
    }

    [Fact]
    public async Task DiskThatShrinksAndGrows_ReadsZerosInItsNewPart_SnapshotsChangeNothing()
    {
        using var test = new TestHost();
        var cache = new ReadCacheFilter(1 << 20, Block);
        using VirtualDisk disk = test.Host.OpenDisk(test.Qed("a.qed", 16 * Block), new DiskOpenOptions { Filters = [cache] });
        byte[] sevens = new byte[16 * Block];
        sevens.AsSpan().Fill(7);
        disk.Write(0, sevens);
        Assert.Equal(sevens, TestDisks.ReadAll(disk));
        await disk.SnapshotAsync(test["b.qed"], cancellationToken: Token);
        long misses = cache.MissBytes;
        Assert.Equal(sevens, TestDisks.ReadAll(disk));
        Assert.Equal(misses, cache.MissBytes);

        await disk.ResizeAsync((4 * Block) + 512, mayShrink: true, cancellationToken: Token);
        await disk.ResizeAsync(16 * Block, cancellationToken: Token);
        sevens.AsSpan((4 * Block) + 512).Clear();
        Assert.Equal(sevens, TestDisks.ReadAll(disk));
        disk.Close();
    }

    [Fact]
    public async Task CacheThatWasAway_RemembersNothing()
    {
        var cache = new ReadCacheFilter(64 * Block, Block);
        using VirtualDisk disk = await MakeAsync(cache);
        disk.Read(0, new byte[Block]);
        await disk.RemoveFilterAsync(cache, Token);
        disk.Write(0, [42]);
        await disk.AddFilterAsync(cache, Token);
        byte[] read = new byte[1];
        disk.Read(0, read);
        Assert.Equal(42, read[0]);
    }

    [Fact]
    public async Task DiskOverADiskThatMayBeWritten_IsRefused()
    {
        using var test = new TestHost();
        using VirtualDisk parent = test.Host.OpenDisk(test.Qed("a.qed", Size));
        using VirtualDisk child = test.Host.OpenDisk(test.Qed("b.qed", Size), new DiskOpenOptions { ParentDisk = parent });
        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await child.AddFilterAsync(new ReadCacheFilter(1 << 20), Token));
        Assert.Equal(ImageErrorKind.NotSupported, refusal.Kind);
        child.Close();
    }

    private async Task<VirtualDisk> MakeAsync(ReadCacheFilter cache)
    {
        VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Size, 512), TestDisks.Filled("base", Size - 512, 512, 7));
        await disk.AddFilterAsync(_below, Token);
        await disk.AddFilterAsync(cache, Token);
        return disk;
    }

    private static ValueTask Do(Action action)
    {
        action();
        return default;
    }
}
