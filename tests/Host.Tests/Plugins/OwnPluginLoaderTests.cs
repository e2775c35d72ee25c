namespace QedVd.Host.Tests;

public sealed class OwnPluginLoaderTests : PluginLoaderTests
{
    protected override IPluginLoader CreateLoader() => new PluginLoader();
}
