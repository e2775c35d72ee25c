using QedVd.Conformance;
using QedVd.TestKit;

namespace QedVd.Backends.Raw.Tests;

public sealed class RawConformance : BackendConformance
{
    protected override IImageBackend CreateBackend() => new RawBackend();
}

public sealed class RawWithoutHolesConformance : BackendConformance
{
    protected override StorageFacts Facts => StorageFacts.CanSetLength;

    protected override IImageBackend CreateBackend() => new RawBackend();
}
