using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Resizing;

/// <summary>A resize that fails or is stopped, at any point, leaves a disk that works; and the next one finishes the work.</summary>
public sealed class ResizeFaultTests
{
    private const int Cluster = 4096;
    private const long TableSpan = 512 * Cluster;
    private const long Beyond = (1L << 30) + (9 * Cluster);

    public static TheoryData<long, long, bool> Resizes => new()
    {
        { (10 * Cluster) + 512, 2 * TableSpan, false },
        { (10 * Cluster) + 512, 3 * TableSpan, true },
        { TableSpan + (8 * Cluster), Beyond, false },
        { TableSpan + (8 * Cluster), Beyond, true },
        { (3 * TableSpan) + (4 * Cluster), (10 * Cluster) + 512, false },
        { (3 * TableSpan) + (4 * Cluster), (10 * Cluster) + 512, true },
    };

    [Theory]
    [MemberData(nameof(Resizes))]
    public async Task EveryOperation_FailingOnceOrForAWhile_LeavesADiskThatWorks(long old, long size, bool withParent)
    {
        StorageOperationKind[] kinds = [StorageOperationKind.Read, StorageOperationKind.Write, StorageOperationKind.SetLength, StorageOperationKind.Allocate, StorageOperationKind.PunchHole, StorageOperationKind.Barrier];
        foreach ((StorageOperationKind kind, bool isSticky) in kinds.SelectMany(kind => new[] { (kind, false), (kind, true) }))
        {
            bool hasStruck = true;
            for (int nth = 1; hasStruck; nth++)
            {
                (SimulatedFile file, QedImage image, byte[]? parent, byte[] model) = Make(old, withParent);
                StorageFault fault = file.Fail(kind, nth, kind == StorageOperationKind.Barrier ? ImageErrorKind.Io : ImageErrorKind.OutOfSpace, isSticky);
                try
                {
                    await image.ResizeAsync(size, mayShrink: true);
                }
                catch (ImageException)
                {
                    Assert.True(fault.Hits > 0);
                }

                hasStruck = fault.Hits > 0;
                file.ClearFaults();
                string what = $"{kind} {nth}{(isSticky ? " and all that follow" : "")}";
                await FinishAsync(file, image, parent, model, size, isFenced: kind == StorageOperationKind.Barrier && hasStruck, what);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Resizes))]
    public async Task Stopped_AtEveryOperation_LeavesADiskThatWorks(long old, long size, bool withParent)
    {
        bool wasStopped = true;
        for (int nth = 1; wasStopped; nth++)
        {
            (SimulatedFile file, QedImage image, byte[]? parent, byte[] model) = Make(old, withParent);
            using CancellationTokenSource source = new();
            int seen = 0;
            wasStopped = false;
            file.Fail(new StorageFault { Kind = StorageOperationKind.Write, Nth = int.MaxValue, Where = Count });
            file.Fail(new StorageFault { Kind = StorageOperationKind.Read, Nth = int.MaxValue, Where = Count });
            file.Fail(new StorageFault { Kind = StorageOperationKind.Barrier, Nth = int.MaxValue, Where = Count });
            try
            {
                await image.ResizeAsync(size, mayShrink: true, progress: null, source.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.True(source.IsCancellationRequested);
            }

            wasStopped = source.IsCancellationRequested;
            file.ClearFaults();
            await FinishAsync(file, image, parent, model, size, isFenced: false, $"stopped at {nth}");

            bool Count(long offset, long lengthBytes)
            {
                if (++seen == nth)
                {
                    source.Cancel();
                }

                return false;
            }
        }
    }

    [Fact]
    public async Task StoppedGrowths_DoNotMakeTheFileGrowEachTime()
    {
        SimulatedFile file = Images.Create(TableSpan, Cluster, 1, withParent: true);
        await using QedImage image = Images.Open(file);
        long length = 0;
        for (int round = 0; round < 12; round++)
        {
            using CancellationTokenSource source = new();
            StorageFault stop = file.Fail(new StorageFault { Kind = StorageOperationKind.Barrier, Nth = int.MaxValue, Where = (_, _) => Stop(source) });
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await image.ResizeAsync(100 * TableSpan, mayShrink: false, progress: null, source.Token));
            file.ClearFaults();
            image.Write(round * Cluster, new byte[Cluster]);
        }

        image.Flush();
        await image.CloseAsync();
        length = file.LengthBytes;
        Assert.InRange(length, 0, 300 * Cluster);

        static bool Stop(CancellationTokenSource source)
        {
            source.Cancel();
            return false;
        }
    }

    [Fact]
    public async Task Progress_EndsWithAll_AndGrowsOnly()
    {
        SimulatedFile file = Images.Create(TableSpan, Cluster, 16, withParent: true);
        await using QedImage image = Images.Open(file);
        Progress told = new();

        await image.ResizeAsync(8L << 30, mayShrink: false, told);

        Assert.True(told.Reports.Count > 1);
        Assert.All(told.Reports.Zip(told.Reports.Skip(1)), pair => Assert.True(pair.First.DoneBytes <= pair.Second.DoneBytes));
        Assert.Equal(told.Reports[^1].TotalBytes, told.Reports[^1].DoneBytes);
    }

    private static (SimulatedFile File, QedImage Image, byte[]? Parent, byte[] Model) Make(long old, bool withParent)
    {
        byte[]? parent = withParent ? ConcurrencyTests.Pattern((int)(3 * TableSpan) + 100, 3) : null;
        SimulatedFile file = Images.Create(old, Cluster, 1, withParent);
        file.KeepsTrace = false;
        QedImage image = Images.Open(file);
        image.SetBeneath(parent is null ? Beneath.Nothing : Beneath.UpTo(parent.Length));
        byte[] model = new byte[old];
        parent?.AsSpan(0, (int)Math.Min(old, parent.Length)).CopyTo(model);
        byte[] own = ConcurrencyTests.Pattern(2 * Cluster, 5);
        foreach (long place in new[] { 2 * Cluster, 10 * Cluster, TableSpan + Cluster, 3 * TableSpan })
        {
            if (place < old)
            {
                int length = (int)Math.Min(own.Length, old - place);
                GuestDisk.Write(image, place, own.AsSpan(0, length), parent);
                own.AsSpan(0, length).CopyTo(model.AsSpan((int)place));
            }
        }

        // Something that is not in the tables yet.
        image.Flush();
        GuestDisk.Write(image, 5 * Cluster, own, parent);
        own.CopyTo(model, 5 * Cluster);
        return (file, image, parent, model);
    }

    private static async Task FinishAsync(SimulatedFile file, QedImage image, byte[]? parent, byte[] model, long size, bool isFenced, string what)
    {
        long old = model.Length;
        Assert.True(image.VirtualSizeBytes == old || image.VirtualSizeBytes == size, what);
        AssertKept(image, parent, model, size, what);
        if (isFenced)
        {
            image.Dispose();
            image = Images.Open(file.Copy());
            image.SetBeneath(parent is null ? Beneath.Nothing : Beneath.UpTo(parent.Length));
            Assert.True(image.VirtualSizeBytes == old || image.VirtualSizeBytes == size, what);
            image.Dispose();
            return;
        }

        // It works, takes writes, and can be resized now.
        byte[] data = ConcurrencyTests.Pattern(Cluster, 8);
        GuestDisk.Write(image, 8 * Cluster, data, parent);
        data.CopyTo(model, 8 * Cluster);
        await image.ResizeAsync(size, mayShrink: true);
        Assert.Equal(size, image.VirtualSizeBytes);
        AssertKept(image, parent, model, size, what);
        if (size > old)
        {
            int part = (int)Math.Min(size - old, 4 * TableSpan);
            Assert.False(GuestDisk.Read(image, old, part, parent).AsSpan().ContainsAnyExcept((byte)0), what);
        }

        image.Close();
        CheckReport report = Images.Check(file);
        Assert.True(report.IsSound, $"{what}\n{string.Join('\n', report.Findings)}");
        using QedImage again = Images.Open(file);
        AssertKept(again, parent, model, size, what);
    }

    private static void AssertKept(QedImage image, byte[]? parent, byte[] model, long size, string what)
    {
        int kept = (int)Math.Min(size, model.Length);
        Assert.True(GuestDisk.Read(image, 0, kept, parent).AsSpan().SequenceEqual(model.AsSpan(0, kept)), what);
    }

    private sealed class Progress : IProgress<OperationProgress>
    {
        public List<OperationProgress> Reports { get; } = [];

        public void Report(OperationProgress value) => Reports.Add(value);
    }
}
