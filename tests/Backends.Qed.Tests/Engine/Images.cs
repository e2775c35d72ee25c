using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>Makes and opens images for the tests of the engine.</summary>
internal static class Images
{
    private static readonly QedBackend s_backend = new();

    public static SimulatedFile Create(
        long sizeBytes, int clusterBytes = 4096, int tableClusters = 2, bool withParent = false, StorageFacts facts = SimulatedFile.GoodFacts)
    {
        SimulatedFile file = new("simulated", facts);
        using (SimulatedStorage storage = file.Open())
        {
            s_backend.Create(storage, CreateOptions(sizeBytes, clusterBytes, tableClusters, withParent));
        }

        // A copy starts with an empty trace and everything durable.
        return file.Copy();
    }

    public static ImageCreateOptions CreateOptions(long sizeBytes, int clusterBytes, int tableClusters, bool withParent = false) => new()
    {
        VirtualSizeBytes = sizeBytes,
        Parent = withParent ? new ParentReference("parent.qed") : null,
        FormatOptions = new Dictionary<string, string>
        {
            ["cluster_size"] = $"{clusterBytes}",
            ["table_size"] = $"{tableClusters}",
            ["qemu_compat"] = "off",
        },
    };

    public static QedImage Open(SimulatedFile file, ConsistencyMode mode = ConsistencyMode.Ordered, TablePool? pool = null, TimeProvider? time = null, bool readOnly = false) =>
        (QedImage)s_backend.Open(file.Open(readOnly), new ImageOpenOptions
        {
            Mode = mode,
            Tables = pool ?? new TablePool(4 << 20),
            // A clock that stands still: only what a test asks for is written back.
            Time = time ?? new FakeTime(),
            Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None,
        });

    public static CheckReport Check(SimulatedFile file)
    {
        using SimulatedStorage storage = file.Copy().Open(readOnly: true);
        return SyncIo.Complete(s_backend.CheckAsync(storage, new CheckOptions()));
    }

    public static void AssertClean(SimulatedFile file)
    {
        CheckReport report = Check(file);
        Assert.True(report.IsClean, string.Join('\n', report.Findings.Select(finding => finding.ToString())));
        Assert.False(report.NeedsCheck);
    }
}
