using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Allocation;

/// <summary>An allocator over a simulated file, for the tests of what it hands out and of the length that it keeps. Clusters have 4 KiB.</summary>
internal sealed class Allocators
{
    public const long Cluster = 4096;

    private static readonly QedGeometry s_geometry = new(12, 1);

    public Allocators(long fileBytes, StorageFacts facts = SimulatedFile.GoodFacts, bool isReadOnly = false, bool withoutBarriers = false, long limitBytes = long.MaxValue)
    {
        File = new SimulatedFile("a.qed", facts | StorageFacts.CanSetLength);
        using (SimulatedStorage storage = File.Open())
        {
            storage.SetLength(fileBytes);
        }

        File = File.Copy(facts);
        SimulatedStorage opened = File.Open(isReadOnly);
        Allocator = new ClusterAllocator(opened, s_geometry, StartOf(opened, fileBytes, isReadOnly, limitBytes), withoutBarriers);
    }

    public SimulatedFile File { get; }

    public FakeTime Time { get; } = new();

    public ClusterAllocator Allocator { get; }

    public int Barriers => File.CountOf(StorageOperationKind.Barrier);

    /// <summary>The file's length in clusters.</summary>
    public double FileClusters => File.LengthBytes / (double)Cluster;

    public void Settle() => SyncIo.Complete(Allocator.SettleAsync<SyncIo>(default));

    public void EnsureLength(long clusters) => SyncIo.Complete(Allocator.EnsureLengthAsync<SyncIo>(clusters * Cluster, default));

    public bool Trim() => SyncIo.Complete(Allocator.TrimAsync<SyncIo>());

    public void WaitForBackground() => SyncIo.Complete(Allocator.WaitForBackgroundAsync<SyncIo>());

    public QedImageStart StartOf(IImageStorage storage, long fileBytes, bool isReadOnly = false, long limitBytes = long.MaxValue) => new()
    {
        Backend = new QedBackend().Info,
        Storage = storage,
        Header = new QedHeader { Geometry = s_geometry, L1TableOffset = Cluster, VirtualSizeBytes = 1 << 20 },
        Parent = null,
        Options = new ImageOpenOptions { Time = Time, Flags = isReadOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None },
        FileLengthBytes = fileBytes,
        GrowthLimitBytes = limitBytes,
    };
}
