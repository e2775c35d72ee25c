using QedVd.Host.McMaster;

namespace QedVd.Host.Tests;

public sealed class McMasterPluginLoaderTests : PluginLoaderTests
{
    protected override IPluginLoader CreateLoader() => new McMasterPluginLoader();
}
