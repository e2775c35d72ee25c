using System.Collections.Concurrent;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>Eight threads in one image. Each owns every eighth sector, so that all of them meet in each cluster, and each knows what it must read.</summary>
public sealed class ConcurrencyTests
{
    private const int Threads = 8;
    private const int SectorBytes = 512;

    [Theory]
    [InlineData(1, 4096, 2, true)]
    [InlineData(2, 4096, 2, true)]
    [InlineData(1, 65536, 4, true)]
    [InlineData(2, 4096, 1, false)]
    [InlineData(1000, 4096, 2, true)]
    [InlineData(1000, 65536, 4, false)]
    public async Task EightThreads_OfMixedRequests_ReadWhatTheyWrote(int poolPages, int clusterBytes, int tableClusters, bool completesInline)
    {
        int size = clusterBytes * 1100;
        SimulatedFile file = Images.Create(size, clusterBytes, tableClusters);
        file.KeepsTrace = false;
        file.CompletesInline = completesInline;
        TablePool pool = new(poolPages * TablePage.SizeBytes);
        QedImage image = Images.Open(file, pool: pool, time: TimeProvider.System);
        byte[] model = new byte[size];
        ConcurrentQueue<string> wrong = [];

        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(
            () => Work(image, model, thread, wrong), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));

        Assert.Empty(wrong);
        Assert.True(GuestDisk.Read(image, 0, size).AsSpan().SequenceEqual(model));
        image.Close();
        Images.AssertClean(file);
        using QedImage again = Images.Open(file, readOnly: true);
        Assert.True(GuestDisk.Read(again, 0, size).AsSpan().SequenceEqual(model));
        Assert.Equal(0, pool.PagesInUse);
        Assert.Equal(0, pool.DirtyPages);
    }

    private static async Task Work(QedImage image, byte[] model, int thread, ConcurrentQueue<string> wrong)
    {
        Random random = new(thread);
        byte[] data = new byte[SectorBytes];
        int sectors = model.Length / SectorBytes / Threads;
        bool isAsync = thread % 2 == 1;
        for (int step = 0; step < 400; step++)
        {
            // Neighbouring sectors of all threads are in use at the same time.
            int offset = ((((step / 4 * 37) + random.Next(4)) % sectors * Threads) + thread) * SectorBytes;
            switch (random.Next(12))
            {
                case < 5:
                    random.NextBytes(data);
                    data.CopyTo(model, offset);
                    if (isAsync)
                    {
                        await GuestDisk.WriteAsync(image, offset, data);
                    }
                    else
                    {
                        GuestDisk.Write(image, offset, data);
                    }

                    break;
                case 5:
                    Array.Clear(model, offset, SectorBytes);
                    image.WriteZeroes(offset, SectorBytes);
                    break;
                case 6:
                    await image.DiscardAsync(offset, SectorBytes);
                    Array.Clear(model, offset, SectorBytes);
                    break;
                case 7 when isAsync:
                    await image.FlushAsync();
                    break;
                case 7:
                    image.Flush();
                    break;
                case 8:
                    await image.SetBeneathAsync(Beneath.Nothing);
                    break;
                default:
                    byte[] read = isAsync ? await GuestDisk.ReadAsync(image, offset, SectorBytes) : GuestDisk.Read(image, offset, SectorBytes);
                    if (!read.AsSpan().SequenceEqual(model.AsSpan(offset, SectorBytes)))
                    {
                        wrong.Enqueue($"thread {thread}, step {step}: {offset}");
                    }

                    break;
            }
        }
    }

    [Fact]
    public async Task TwoWriters_IntoOneFreeCluster_OneAllocatesAndTheOtherWaitsForThatClusterOnly()
    {
        SimulatedFile file = Images.Create(64 * 4096);
        using QedImage image = Images.Open(file);
        GuestDisk.Write(image, 40 * 4096, new byte[4096]);
        long length = image.GetFileSize().LengthBytes;

        // The first writer's data is held; its cluster has no entry yet.
        StorageGate data = file.Hold(StorageOperationKind.Write, where: (_, bytes) => bytes == 600);
        Task first = Task.Run(() => GuestDisk.Write(image, 0, Pattern(600, 1)));
        await data.Reached;
        Task second = Task.Run(async () => await GuestDisk.WriteAsync(image, 1000, Pattern(600, 2)));
        GuestDisk.Write(image, 8192, Pattern(700, 3));
        Assert.False(second.IsCompleted);
        Assert.Equal(new byte[4096], GuestDisk.Read(image, 0, 4096));
        data.Release();
        await first;
        await second;

        Assert.Equal(Pattern(600, 1), GuestDisk.Read(image, 0, 600));
        Assert.Equal(Pattern(600, 2), GuestDisk.Read(image, 1000, 600));
        Assert.Equal(Pattern(700, 3), GuestDisk.Read(image, 8192, 700));
        Assert.Equal(length, image.GetFileSize().LengthBytes);
        image.Close();
        Images.AssertClean(file);
    }

    [Fact]
    public async Task ConcurrentMisses_OfOneSlice_LoadItOnce()
    {
        SimulatedFile file = Images.Create(64 * 4096);
        using (QedImage image = Images.Open(file))
        {
            GuestDisk.Write(image, 0, new byte[8192]);
        }

        using QedImage again = Images.Open(file, readOnly: true);
        int before = file.CountOf(StorageOperationKind.Read);
        StorageGate load = file.Hold(StorageOperationKind.Read, where: (offset, bytes) => bytes == TablePage.SizeBytes);
        Task[] readers = [.. Enumerable.Range(0, 6).Select(i => Task.Run(() => GuestDisk.Read(again, i * 500, 100)))];
        await load.Reached;
        load.Release();
        await Task.WhenAll(readers);

        // One slice of L1, all of L1 for its tables, one slice of L2, six reads of data.
        Assert.Equal(before + 3 + 6, file.CountOf(StorageOperationKind.Read));
    }

    [Fact]
    public async Task SetBeneath_WaitsForRequestsThatActOnTheOldAnswer_AndFlushesThem()
    {
        SimulatedFile file = Images.Create(64 * 4096);
        using QedImage image = Images.Open(file);
        StorageGate data = file.Hold(StorageOperationKind.Write, where: (_, bytes) => bytes == 600);
        Task write = Task.Run(() => image.Write(0, Pattern(600, 1)));
        await data.Reached;
        Task told = Task.Run(() => image.SetBeneath(Beneath.Unknown));
        ValueTask toldAgain = image.SetBeneathAsync(Beneath.UpTo(64 * 4096));
        Assert.False(told.IsCompleted);
        Assert.False(toldAgain.IsCompleted);
        data.Release();
        await write;
        await told;
        await toldAgain;

        Assert.Equal(file.Trace.Count, file.Trace.Last(operation => operation.Kind == StorageOperationKind.Barrier).Index + 1);
        Assert.True(image.Write(4096, new byte[100]).IsFree);
        Assert.Equal(Pattern(600, 1), GuestDisk.Read(image, 0, 600));
    }

    internal static byte[] Pattern(int length, int seed)
    {
        byte[] data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }
}
