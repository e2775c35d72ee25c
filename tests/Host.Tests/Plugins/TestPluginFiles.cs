using QedVd.TestKit;

namespace QedVd.Host.Tests;

/// <summary>Where the built plugins of tests/TestPlugins lie, and folders to arrange copies of them in.</summary>
public static class TestPluginFiles
{
    public static string Folder => Path.Combine(Checkout.OutputOf("QedVd.TestPlugins"), "plugins");

    /// <summary>A library that is no plugin.</summary>
    public static string Library => Path.Combine(Checkout.OutputOf("QedVd.TestPlugins"), "libraries", "1", "QedVd.TestDependency.dll");

    public static string PathOf(string name)
    {
        string path = Path.Combine(Folder, name, $"{name}.dll");
        Assert.True(File.Exists(path), $"{path} was not built.");
        return path;
    }

    /// <summary>Whether any code of the plugin has run in this process: each has a module initialiser that says so.</summary>
    public static bool HasRun(string name) => AppContext.GetData($"ran {name}") is not null;

    public static byte[] ReadAllBytes(string name) => File.ReadAllBytes(PathOf(name));
}
