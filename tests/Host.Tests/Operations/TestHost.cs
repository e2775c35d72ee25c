using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Operations;

/// <summary>A host with the two real backends, and a folder of its own.</summary>
internal sealed class TestHost : IDisposable
{
    private readonly TempFolder _folder = new();

    public DiskHost Host { get; } = new(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>().AddBackend<RawBackend>());

    public string this[string name] => _folder[name];

    public string Folder => _folder.FullName;

    public string[] Files => [.. Directory.GetFiles(Folder, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }).Select(path => Path.GetRelativePath(Folder, path)).Order()];

    /// <summary>A file as a journal names it.</summary>
    public static JournalFile JournalFileAt(string path) => new(FilePeek.At(path).Mark, new FileInfo(path).Length, path);

    /// <summary>A raw file of one byte value.</summary>
    public string Raw(string name, int lengthBytes, byte value)
    {
        byte[] bytes = new byte[lengthBytes];
        bytes.AsSpan().Fill(value);
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    /// <summary>A QED image, 4 KiB clusters unless told, without looking at its parent.</summary>
    public string Qed(string name, long sizeBytes, string? parent = null, string? parentFormat = null, int clusterBytes = 4096)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        var options = new CreateDiskOptions
        {
            VirtualSizeBytes = sizeBytes,
            ParentName = parent,
            ParentFormat = parentFormat,
            DoNotOpenParent = true,
            FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{clusterBytes}", ["table_size"] = "2" },
        };
        Run(Host.CreateImageAsync(this[name], "qed", options));
        return this[name];
    }

    public static T Run<T>(ValueTask<T> task) => task.AsTask().GetAwaiter().GetResult();

    public void Dispose()
    {
        Host.Dispose();
        _folder.Dispose();
    }
}
