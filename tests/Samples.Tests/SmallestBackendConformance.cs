using QedVd.Conformance;

namespace QedVd.Samples.Tests;

public sealed class SmallestBackendConformance : BackendConformance
{
    protected override IImageBackend CreateBackend() => SmallestBackendPlugin.Catalog.Get("twoimg");
}
