using System.Globalization;
using QedVd.Conformance;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests;

/// <summary>The conformance suite, for the geometries and modes that differ.</summary>
public abstract class QedConformance(int clusterBytes, int tableClusters) : BackendConformance
{
    protected override IImageBackend CreateBackend() => new QedBackend();

    protected override ImageCreateOptions CreateOptionsFor(long virtualSizeBytes, ParentReference? parent) => new()
    {
        VirtualSizeBytes = virtualSizeBytes,
        Parent = parent,
        FormatOptions = new Dictionary<string, string>
        {
            ["cluster_size"] = clusterBytes.ToString(CultureInfo.InvariantCulture),
            ["table_size"] = tableClusters.ToString(CultureInfo.InvariantCulture),
        },
    };
}

public sealed class QedWith64KConformance() : QedConformance(65536, 4);

public sealed class QedWith4KConformance() : QedConformance(4096, 2);

/// <summary>Disks of hardly more than a cluster.</summary>
public sealed class QedWith1MConformance() : QedConformance(1 << 20, 2);

/// <summary>The table budget is a single page.</summary>
public sealed class QedWithOnePageConformance() : QedConformance(4096, 2)
{
    protected override long DiskBytes => (4 << 20) + 512;

    protected override ImageOpenOptions OpenOptionsFor(ImageOpenFlags flags) => base.OpenOptionsFor(flags) with { Tables = new TablePool(TablePage.SizeBytes) };
}

public sealed class QedWithoutFactsConformance() : QedConformance(65536, 2)
{
    protected override StorageFacts Facts => StorageFacts.CanSetLength;
}

public sealed class QedWithoutZeroFactConformance() : QedConformance(4096, 2)
{
    protected override StorageFacts Facts => SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero;
}

public sealed class QedLazyConformance() : QedConformance(65536, 4)
{
    protected override ConsistencyMode Mode => ConsistencyMode.Lazy;
}

public sealed class QedWriteThroughConformance() : QedConformance(65536, 4)
{
    protected override ConsistencyMode Mode => ConsistencyMode.WriteThrough;
}

public sealed class QedUnsafeConformance() : QedConformance(4096, 4)
{
    protected override ConsistencyMode Mode => ConsistencyMode.Unsafe;
}
