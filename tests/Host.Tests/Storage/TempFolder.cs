namespace QedVd.Host.Tests.Storage;

/// <summary>A folder of its own for one test, gone afterwards.</summary>
internal sealed class TempFolder : IDisposable
{
    public TempFolder(string? below = null) =>
        FullName = below is null ? Directory.CreateTempSubdirectory("qedvd-storage-").FullName : Directory.CreateDirectory(Path.Combine(below, $"qedvd-storage-{Guid.NewGuid():N}")).FullName;

    public string FullName { get; }

    public string this[string name] => Path.Combine(FullName, name);

    public string Create(string name, int lengthBytes = 0)
    {
        File.WriteAllBytes(this[name], new byte[lengthBytes]);
        return this[name];
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(FullName, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // A test may have removed it.
        }
    }
}
