using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>How much of the memory for tables writers may make dirty before it is written back, and before they wait for that.</summary>
public sealed class DirtyLimitTests
{
    private const int Cluster = 4096;
    private const int Pages = 64;
    private const long SliceBytes = (long)Cluster * Cluster / 8;

    [Fact]
    public async Task AQuarterOfTheTablesDirty_AreWrittenBackInTheBackground_AndFromHalfOnWritersWait()
    {
        SimulatedFile file = Images.Create(2 * Pages * SliceBytes, withParent: true);
        var pool = new TablePool(Pages * (long)TablePage.SizeBytes);
        using (QedImage made = Images.Open(file))
        {
            WriteOneIntoEachSlice(made);
        }

        using QedImage image = Images.Open(file, pool: pool);

        // As long as a commit is held at its first table all of them stay dirty. Data goes behind all tables.
        using StorageGate table = HoldTables(file);
        Task? waiting = null;
        byte[] data = new byte[Cluster];
        for (int slice = 0; waiting is null; slice++)
        {
            long dirty = pool.DirtyPages;
            Assert.Equal(slice, dirty);
            Assert.False(dirty < Pages / 4 && table.IsReached, $"written back with {dirty} of {Pages} pages dirty");
            Task writing = image.WriteAsync((slice * SliceBytes) + Cluster, data).AsTask();
            if (dirty == Pages / 4)
            {
                await table.Reached;
            }

            Assert.Equal(dirty < Pages / 2, writing.IsCompletedSuccessfully);
            waiting = writing.IsCompletedSuccessfully ? null : writing;
        }

        Assert.Equal(Pages / 2, pool.DirtyPages);
        table.Release();
        await waiting;
        Assert.InRange(pool.DirtyPages, 1, Pages / 4);
    }

    [Fact]
    public void TablesOfAnotherImageDirty_CommitNothingHere()
    {
        SimulatedFile file = Images.Create(2 * Pages * SliceBytes, withParent: true);
        var pool = new TablePool(Pages * (long)TablePage.SizeBytes);
        using (QedImage made = Images.Open(file))
        {
            WriteOneIntoEachSlice(made);
        }

        SimulatedFile other = file.Copy();
        using QedImage busy = Images.Open(other, pool: pool);
        using QedImage image = Images.Open(file, pool: pool);
        byte[] data = new byte[Cluster];
        image.Write(Cluster, data);
        image.Flush();
        using StorageGate table = HoldTables(other);
        for (int slice = 0; slice < Pages / 2; slice++)
        {
            busy.Write((slice * SliceBytes) + Cluster, data);
        }

        int before = file.Trace.Count;
        image.Write(2 * Cluster, data);

        Assert.DoesNotContain(file.Trace.Skip(before), operation => operation.Kind == StorageOperationKind.Barrier);
        table.Release();
    }

    private static StorageGate HoldTables(SimulatedFile file)
    {
        long end = file.LengthBytes;
        return file.Hold(StorageOperationKind.Write, where: (offset, _) => offset < end);
    }

    private static void WriteOneIntoEachSlice(QedImage image)
    {
        byte[] data = new byte[Cluster];
        for (int slice = 0; slice < 2 * Pages; slice++)
        {
            image.Write(slice * SliceBytes, data);
        }

        image.Flush();
    }
}
