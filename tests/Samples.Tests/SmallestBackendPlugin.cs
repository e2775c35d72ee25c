using QedVd.Host;
using QedVd.TestKit;

[assembly: AssemblyFixture(typeof(QedVd.Samples.Tests.SmallestBackendPlugin))]

namespace QedVd.Samples.Tests;

/// <summary>The smallest backend, built against the packed contract and loaded from a folder, once for all tests.</summary>
public sealed class SmallestBackendPlugin : IAsyncLifetime
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    private static BackendCatalog? s_catalog;

    public static BackendCatalog Catalog => s_catalog ?? throw new InvalidOperationException("The sample was not built: its script needs bash.");

    public static string PluginsFolder => Checkout.PathOf("artifacts", "samples", "plugins");

    public async ValueTask InitializeAsync()
    {
        if (Peers.Find("bash") is not { } bash)
        {
            return;
        }

        ToolRun build = await ToolRun.RunAsync(bash, [Checkout.PathOf("samples", "SmallestBackend", "build"), PluginsFolder], limit: s_limit);
        build.ShouldExitWith(0);
        var catalog = new BackendCatalog();
        catalog.LoadFolder(PluginsFolder);
        s_catalog = catalog;
    }

    public ValueTask DisposeAsync() => default;
}
