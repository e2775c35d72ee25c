namespace QedVd.Host;

/// <summary>The plugins that the program brings along: as good as its own code, they need no thread to hang on.</summary>
internal static class OwnPlugins
{
    private static readonly string s_folders = Path.Combine(AppContext.BaseDirectory, "plugins", "QedVd.Backends.");

    /// <summary>By place and name: others may lie beside them.</summary>
    public static bool Contains(string path) => path.StartsWith(s_folders, StringComparison.Ordinal);
}
