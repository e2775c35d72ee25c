using System.Globalization;
using QedVd.Conformance;
using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.TestKit;

public abstract class MemoryBackendConformance(int blockBytes) : BackendConformance
{
    protected override IImageBackend CreateBackend() => new MemoryBackend();

    protected override ImageCreateOptions CreateOptionsFor(long virtualSizeBytes, ParentReference? parent) => new()
    {
        VirtualSizeBytes = virtualSizeBytes,
        Parent = parent,
        FormatOptions = new Dictionary<string, string> { [MemoryBackend.BlockSizeOption] = blockBytes.ToString(CultureInfo.InvariantCulture) },
    };
}

public sealed class MemoryBackendWith512Conformance() : MemoryBackendConformance(512);

public sealed class MemoryBackendWith4KConformance() : MemoryBackendConformance(4096);

public sealed class MemoryBackendWith64KConformance() : MemoryBackendConformance(65536);

public sealed class MemoryBackendWithoutFactsConformance() : MemoryBackendConformance(65536)
{
    protected override StorageFacts Facts => StorageFacts.None;
}
