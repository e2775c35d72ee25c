using System.Collections.Concurrent;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Compaction;

/// <summary>Guests go on while an image is compacted: who waits for whom, and that nothing of theirs is lost.</summary>
public sealed class CompactionLoadTests
{
    private const int Threads = 4;
    private const int SectorBytes = 512;
    private const int Cluster = 4096;

    [Theory]
    [InlineData(1000, 4096, 2, true)]
    [InlineData(2, 4096, 1, true)]
    [InlineData(1000, 65536, 4, false)]
    [InlineData(6, 4096, 2, false)]
    public async Task FourThreadsOfVerifiedRequests_WhileItIsCompactedAgainAndAgain_LoseNothing(int poolPages, int clusterBytes, int tableClusters, bool completesInline)
    {
        int size = clusterBytes * 1100;
        SimulatedFile file = Images.Create(size, clusterBytes, tableClusters);
        file.KeepsTrace = false;
        file.CompletesInline = completesInline;
        TablePool pool = new(poolPages * TablePage.SizeBytes);
        QedImage image = Images.Open(file, pool: pool, time: TimeProvider.System);
        byte[] model = new byte[size];
        ConcurrentQueue<string> wrong = [];
        using CancellationTokenSource source = new();
        Task[] guests = [.. Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(
            () => GuestAsync(image, model, thread, clusterBytes, wrong, source.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap())];
        for (int round = 0; round < (clusterBytes > Cluster ? 2 : 12); round++)
        {
            await image.CompactAsync(new CompactOptions { DropZeroBlocks = round % 3 != 0 }, cancellationToken: TestContext.Current.CancellationToken);
        }

        await source.CancelAsync();
        await Task.WhenAll(guests);
        Assert.Empty(wrong);
        Assert.True(GuestDisk.Read(image, 0, size).AsSpan().SequenceEqual(model));
        Assert.True(Images.Check(file).IsSound);

        await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(GuestDisk.Read(image, 0, size).AsSpan().SequenceEqual(model));
        image.Close();
        Images.AssertClean(file);
        Assert.Equal((0, 0), (pool.PagesInUse, pool.DirtyPages));
        using QedImage again = Images.Open(file, readOnly: true);
        Assert.True(GuestDisk.Read(again, 0, size).AsSpan().SequenceEqual(model));
    }

    [Fact]
    public async Task Write_ToAClusterThatIsBeingCopied_Waits_AndIsNotLost_WhileOthersGoOn()
    {
        SimulatedFile file = TwoHalves();
        using QedImage image = Images.Open(file);

        // Disk cluster 15 lies last and goes to the first hole; its copy is held.
        using StorageGate copy = file.Hold(StorageOperationKind.Write, where: (_, length) => length >= Cluster);
        Task compaction = image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken).AsTask();
        await copy.Reached;
        byte[] data = ConcurrencyTests.Pattern(100, 9);
        Task write = Task.Run(() => GuestDisk.Write(image, (15 * Cluster) + 50, data));
        GuestDisk.Write(image, 40 * Cluster, data);
        Assert.Equal(ConcurrencyTests.Pattern(16 * Cluster, 1)[(15 * Cluster)..], GuestDisk.Read(image, 15 * Cluster, Cluster));
        await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.False(write.IsCompleted);
        copy.Release();
        await write;
        await compaction;
        Assert.Equal(data, GuestDisk.Read(image, (15 * Cluster) + 50, 100));
        Assert.Equal(data, GuestDisk.Read(image, 40 * Cluster, 100));
    }

    [Fact]
    public async Task Write_InPlaceThatHasBegun_IsInTheCopy()
    {
        SimulatedFile file = TwoHalves();
        using QedImage image = Images.Open(file);

        // The table is read by the scan, by the walk that drops, by the second scan, and by the walk that moves: then the write begins.
        using StorageGate walk = file.Hold(StorageOperationKind.Read, nth: 4, where: (offset, length) => offset == 3 * Cluster && length == 2 * Cluster);
        Task compaction = image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken).AsTask();
        await walk.Reached;
        byte[] data = ConcurrencyTests.Pattern(100, 9);
        using StorageGate slow = file.Hold(StorageOperationKind.Write, where: (_, length) => length == 100);
        Task write = Task.Run(() => GuestDisk.Write(image, (15 * Cluster) + 50, data));
        await slow.Reached;
        walk.Release();
        await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.False(compaction.IsCompleted);
        slow.Release();
        await write;
        await compaction;
        Assert.Equal(data, GuestDisk.Read(image, (15 * Cluster) + 50, 100));
    }

    [Fact]
    public async Task Read_OfWhatIsBeingDropped_IsWaitedFor_BeforeItsPlaceIsUsedAgain()
    {
        SimulatedFile file = Images.Create(600 * Cluster);
        using (QedImage made = Images.Open(file))
        {
            GuestDisk.Write(made, 0, new byte[Cluster]);
            GuestDisk.Write(made, Cluster, ConcurrencyTests.Pattern(4 * Cluster, 1));
        }

        using QedImage image = Images.Open(file);

        // The first cluster lies behind header, L1 and one table. While it is looked at, held, a reader comes.
        using StorageGate look = file.Hold(StorageOperationKind.Read, where: (offset, length) => offset == 5 * Cluster && length == Cluster);
        Task compaction = image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken).AsTask();
        await look.Reached;
        using StorageGate slow = file.Hold(StorageOperationKind.Read, where: (offset, length) => offset == 5 * Cluster && length == 100);
        Task<byte[]> read = Task.Run(() => GuestDisk.Read(image, 0, 100));
        await slow.Reached;
        look.Release();
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.Equal(new byte[Cluster], file.ReadBytes(5 * Cluster, Cluster));
        slow.Release();
        Assert.Equal(new byte[100], await read);
        await compaction;
        Assert.NotEqual(new byte[Cluster], file.ReadBytes(5 * Cluster, Cluster));
    }

    [Fact]
    public async Task Read_FromTheOldPlace_IsWaitedFor_BeforeThatPlaceIsCut()
    {
        SimulatedFile file = TwoHalves();
        long length = file.LengthBytes;
        using QedImage image = Images.Open(file);

        // The copy is done and the entries are on their way: a reader of the old place comes just before they are published.
        using StorageGate copied = file.Hold(StorageOperationKind.Write, afterEffect: true, where: (_, bytes) => bytes >= Cluster);
        Task compaction = image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken).AsTask();
        await copied.Reached;
        using StorageGate slow = file.Hold(StorageOperationKind.Read, where: (_, bytes) => bytes == 100);
        Task<byte[]> read = Task.Run(() => GuestDisk.Read(image, (15 * Cluster) + 50, 100));
        await slow.Reached;
        copied.Release();
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.Equal(length, file.LengthBytes);
        Assert.False(compaction.IsCompleted);
        slow.Release();
        Assert.Equal(ConcurrencyTests.Pattern(16 * Cluster, 1)[((15 * Cluster) + 50)..((15 * Cluster) + 150)], await read);
        await compaction;
        Assert.True(file.LengthBytes < length);
    }

    [Fact]
    public async Task WhatGuestsAllocateMeanwhile_IsMovedToo_SoThatTheFileEndsShort()
    {
        SimulatedFile file = TwoHalves();
        using QedImage image = Images.Open(file);
        using StorageGate copied = file.Hold(StorageOperationKind.Write, where: (_, bytes) => bytes >= Cluster);
        Task compaction = image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken).AsTask();
        await copied.Reached;
        GuestDisk.Write(image, 30 * Cluster, ConcurrencyTests.Pattern(3 * Cluster, 3));
        copied.Release();
        await compaction;

        // Header, L1, a table, 8 + 3 clusters.
        Assert.Equal((1 + 2 + 2 + 11) * Cluster, file.LengthBytes);
        Assert.Equal(ConcurrencyTests.Pattern(3 * Cluster, 3), GuestDisk.Read(image, 30 * Cluster, 3 * Cluster));
    }

    /// <summary>16 clusters with a pattern, of which the first eight were punched.</summary>
    private static SimulatedFile TwoHalves()
    {
        SimulatedFile file = Images.Create(600 * Cluster);
        using QedImage made = Images.Open(file);
        GuestDisk.Write(made, 0, ConcurrencyTests.Pattern(16 * Cluster, 1));
        made.WriteZeroes(0, 8 * Cluster);
        return file;
    }

    private static async Task GuestAsync(QedImage image, byte[] model, int thread, int clusterBytes, ConcurrentQueue<string> wrong, CancellationToken stop)
    {
        Random random = new(thread);
        byte[] data = new byte[SectorBytes];
        int sectors = model.Length / SectorBytes / Threads;
        bool isAsync = thread % 2 == 1;
        for (int step = 0; !stop.IsCancellationRequested && wrong.IsEmpty; step++)
        {
            int offset = ((random.Next(sectors) * Threads) + thread) * SectorBytes;
            switch (random.Next(12))
            {
                case < 4:
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
                case 4 or 5:
                    Array.Clear(model, offset, SectorBytes);
                    image.WriteZeroes(offset, SectorBytes);
                    break;
                case 6:
                    // All of its own sectors of a few clusters: these become zero as a whole when the others do the same.
                    int first = offset / clusterBytes * clusterBytes;
                    for (int at = first + (thread * SectorBytes); at < Math.Min(model.Length, first + (3 * clusterBytes)); at += Threads * SectorBytes)
                    {
                        Array.Clear(model, at, SectorBytes);
                        await image.DiscardAsync(at, SectorBytes, cancellationToken: CancellationToken.None);
                    }

                    break;
                case 7 when step % 8 == 0:
                    if (isAsync)
                    {
                        await image.FlushAsync(CancellationToken.None);
                    }
                    else
                    {
                        image.Flush();
                    }

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
}
