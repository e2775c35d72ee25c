using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

/// <summary>
/// Eight threads, each the only writer of its own bytes (every eighth stretch of every block), so that all of them meet in the same free blocks while
/// each knows exactly what it must read back.
/// </summary>
public sealed class ChainConcurrencyTests
{
    private const int Threads = 8;
    private const int Block = 4096;
    private const int Stretch = Block / Threads;
    private const int Blocks = 48;

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    [InlineData(3, true)]
    public async Task MixedRequests_IntoTheSameFreeBlocks_LoseNoAcknowledgedByte(int parents, bool isAsync)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        List<IDiskImage> images = [new BlockImage("top", Blocks * Block, Block) { ShortAnswers = 1, TableMisses = 2, Waits = 3 }];
        for (int i = 0; i < parents; i++)
        {
            images.Add(TestDisks.Filled($"parent {i}", (Blocks - (i * 7)) * Block, 512 << i, (byte)(200 + i)));
        }

        using VirtualDisk disk = TestDisks.Compose(images);
        byte[] start = TestDisks.ReadAll(disk);
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() => WorkAsync(disk, start, thread, isAsync, new Random((int)seed + thread)))));
    }

    private static async Task WorkAsync(VirtualDisk disk, byte[] start, int thread, bool isAsync, Random random)
    {
        byte[] model = [.. start];
        for (int i = 0; i < 1500; i++)
        {
            int block = random.Next(Blocks);
            int from = random.Next(Stretch);
            int length = random.Next(1, Stretch - from + 1);
            int offset = (block * Block) + (thread * Stretch) + from;
            Memory<byte> mine = model.AsMemory(offset, length);
            switch (random.Next(8))
            {
                case < 4:
                    random.NextBytes(mine.Span);
                    await (isAsync ? disk.WriteAsync(offset, mine) : Run(() => disk.Write(offset, mine.Span)));
                    break;
                case 4:
                    mine.Span.Clear();
                    await (isAsync ? disk.WriteZeroesAsync(offset, length) : Run(() => disk.WriteZeroes(offset, length)));
                    break;
                case 5:
                    await (isAsync ? disk.FlushAsync() : Run(disk.Flush));
                    break;
                default:
                    byte[] read = new byte[length];
                    await (isAsync ? disk.ReadAsync(offset, read) : Run(() => disk.Read(offset, read)));
                    Assert.True(mine.Span.SequenceEqual(read), $"thread {thread}, request {i}: {length} bytes at {offset}");
                    break;
            }
        }

        for (int block = 0; block < Blocks; block++)
        {
            int offset = (block * Block) + (thread * Stretch);
            byte[] read = new byte[Stretch];
            disk.Read(offset, read);
            Assert.True(model.AsSpan(offset, Stretch).SequenceEqual(read), $"thread {thread}: block {block} at the end");
        }
    }

    /// <summary>Whole blocks that several threads write, zero and discard at once: every byte has the value of one of the writers, and stays.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OverlappingRequests_EndWithTheValueOfOneOfThem(bool isAsync)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        for (int round = 0; round < 20; round++)
        {
            BlockImage top = new("top", 8 * Block, Block) { Waits = 4, ShortAnswers = 2 };
            using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 8 * Block, 1024, 99));
            await Task.WhenAll(Enumerable.Range(1, Threads).Select(thread => Task.Run(async () =>
            {
                var random = new Random(HashCode.Combine(seed, round, thread));
                for (int i = 0; i < 30; i++)
                {
                    byte[] data = [.. Enumerable.Repeat((byte)thread, random.Next(1, 2 * Block))];
                    int offset = random.Next((8 * Block) - data.Length);
                    int kind = random.Next(3);
                    await (isAsync
                        ? kind switch { 0 => disk.WriteZeroesAsync(offset, data.Length), 1 => disk.DiscardAsync(offset, data.Length), _ => disk.WriteAsync(offset, data) }
                        : Run(() => Change(disk, kind, offset, data)));
                }
            })));

            byte[] first = TestDisks.ReadAll(disk);
            Assert.All(first, value => Assert.True(value is <= Threads or 99, $"byte {value}"));
            Assert.Equal(first, TestDisks.ReadAll(disk));
        }
    }

    private static void Change(VirtualDisk disk, int kind, int offset, byte[] data)
    {
        switch (kind)
        {
            case 0:
                disk.WriteZeroes(offset, data.Length);
                break;
            case 1:
                disk.Discard(offset, data.Length);
                break;
            default:
                disk.Write(offset, data);
                break;
        }
    }

    private static ValueTask Run(Action action)
    {
        action();
        return default;
    }
}
