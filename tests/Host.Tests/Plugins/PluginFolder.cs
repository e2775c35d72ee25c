namespace QedVd.Host.Tests;

/// <summary>A plugins folder of one test; gone with it.</summary>
public sealed class PluginFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("qedvd-plugins-").FullName;

    /// <summary>Lays down a copy of a test plugin, perhaps under another name, and returns the path of its assembly.</summary>
    public string Add(string plugin, string? asName = null)
    {
        string folder = Directory.CreateDirectory(Path.Combine(Root, asName ?? plugin)).FullName;
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(TestPluginFiles.PathOf(plugin))!))
        {
            string name = Path.GetFileName(file) == $"{plugin}.dll" ? $"{asName ?? plugin}.dll" : Path.GetFileName(file);
            File.Copy(file, Path.Combine(folder, name));
        }

        return Path.Combine(folder, $"{asName ?? plugin}.dll");
    }

    /// <summary>Lays down a plugin made of these bytes.</summary>
    public string Add(string name, ReadOnlySpan<byte> bytes)
    {
        string folder = Directory.CreateDirectory(Path.Combine(Root, name)).FullName;
        string path = Path.Combine(folder, $"{name}.dll");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
