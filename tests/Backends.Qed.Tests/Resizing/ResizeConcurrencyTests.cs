using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Resizing;

/// <summary>Resizing while the disk is in use.</summary>
public sealed class ResizeConcurrencyTests
{
    private const int Cluster = 4096;
    private const long TableSpan = 512 * Cluster;
    private const int Threads = 4;

    [Theory]
    [InlineData(SimulatedFile.GoodFacts, true)]
    [InlineData(SimulatedFile.GoodFacts, false)]
    [InlineData(StorageFacts.CanSetLength, true)]
    public async Task FourThreadsOfVerifiedRequests_WhileItGrowsIsRelocatedAndShrinks_LoseNothing(StorageFacts facts, bool completesInline)
    {
        SimulatedFile file = Images.Create(4 * TableSpan, Cluster, 1, facts: facts);
        file.KeepsTrace = false;
        file.CompletesInline = completesInline;
        byte[][] models = new byte[Threads][];
        await using (QedImage image = Images.Open(file, pool: new TablePool(16 * 4096)))
        {
            using CancellationTokenSource done = new();
            Task[] threads = [.. Enumerable.Range(0, Threads).Select(number => Task.Run(() => models[number] = Work(image, number, done.Token)))];
            long[] sizes = [(5 * TableSpan) + 512, 600 * TableSpan, 5 * TableSpan, 9 * TableSpan, 4 * TableSpan, 2100 * TableSpan, (4 * TableSpan) + 1024];
            foreach (long size in sizes)
            {
                await image.ResizeAsync(size, mayShrink: true);
                Assert.Equal(size, image.VirtualSizeBytes);
                await Task.Delay(20);
            }

            await done.CancelAsync();
            await Task.WhenAll(threads);
            Assert.Equal(4, image.Header.Geometry.TableClusters);
            AssertAll(image);
            Assert.False(GuestDisk.Read(image, 4 * TableSpan, 1024).AsSpan().ContainsAnyExcept((byte)0));
        }

        CheckReport report = Images.Check(file);
        Assert.True(report.IsSound, string.Join('\n', report.Findings));
        await using QedImage again = Images.Open(file);
        AssertAll(again);

        void AssertAll(QedImage image)
        {
            for (int number = 0; number < Threads; number++)
            {
                Assert.True(models[number].AsSpan().SequenceEqual(GuestDisk.Read(image, number * TableSpan, (int)TableSpan)), $"thread {number}");
            }
        }
    }

    [Fact]
    public async Task WriteBeyondASmallerSize_WaitsAndIsThenOutOfRange_OneBelowGoesOn()
    {
        SimulatedFile file = Images.Create(2 * TableSpan, Cluster, 1);
        await using QedImage image = Images.Open(file);
        image.Write(0, new byte[Cluster]);
        image.Write(TableSpan, new byte[Cluster]);
        image.Flush();
        StorageGate unlinking = file.Hold(StorageOperationKind.Read, where: (offset, bytes) => offset == Cluster + 8 && bytes == 8);
        Task resize = Task.Run(() => image.ResizeAsync(TableSpan, mayShrink: true).AsTask());
        await unlinking.Reached;

        Task beyond = Task.Run(() => image.Write(TableSpan + (5 * Cluster), new byte[Cluster]));
        image.Write(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 1));
        Assert.False(beyond.IsCompleted);
        unlinking.Release();
        await resize;

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => beyond);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 5 * Cluster, Cluster));
    }

    [Fact]
    public async Task ReadThatKnowsAnOldPlace_IsWaitedFor_BeforeThePlaceIsCutOrUsedAgain()
    {
        SimulatedFile file = Images.Create(2 * TableSpan, Cluster, 1);
        await using QedImage image = Images.Open(file);
        byte[] data = ConcurrencyTests.Pattern(Cluster, 3);
        image.Write(0, data);
        image.Write(TableSpan, data);
        image.Flush();
        StorageGate reading = file.Hold(StorageOperationKind.Read);
        Task<byte[]> read = Task.Run(() => GuestDisk.Read(image, TableSpan, Cluster));
        await reading.Reached;

        Task resize = image.ResizeAsync(TableSpan, mayShrink: true).AsTask();
        await Task.WhenAny(resize, Task.Delay(200));
        Assert.False(resize.IsCompleted);
        reading.Release();

        Assert.Equal(data, await read);
        await resize;
    }

    /// <summary>Writes, zeroes and reads its own part of the disk, and tells what it must hold.</summary>
    private static byte[] Work(QedImage image, int number, CancellationToken done)
    {
        Random random = new(number);
        byte[] model = new byte[TableSpan];
        long start = number * TableSpan;
        for (int step = 0; !done.IsCancellationRequested || step < 50; step++)
        {
            int offset = random.Next((int)TableSpan);
            int length = Math.Min(random.Next(1, 3 * Cluster), (int)TableSpan - offset);
            switch (step % 5)
            {
                case 0:
                    Assert.True(model.AsSpan(offset, length).SequenceEqual(GuestDisk.Read(image, start + offset, length)), $"thread {number}, step {step}");
                    break;
                case 1:
                    GuestDisk.WriteZeroes(image, start + offset, length);
                    model.AsSpan(offset, length).Clear();
                    break;
                default:
                    byte[] data = ConcurrencyTests.Pattern(length, (number * 1000) + step);
                    GuestDisk.Write(image, start + offset, data, flags: step % 40 == 2 ? WriteFlags.ForceUnitAccess : WriteFlags.None);
                    data.CopyTo(model, offset);
                    break;
            }
        }

        return model;
    }
}
