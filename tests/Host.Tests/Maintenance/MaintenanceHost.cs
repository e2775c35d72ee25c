using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Storage;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

/// <summary>A host with test blocks that can do everything, QED and raw, and a folder of real files.</summary>
internal sealed class MaintenanceHost : IDisposable
{
    public const int Block = 4096;
    public const int Size = 16 * Block;

    private readonly TempFolder _folder = new(AppContext.BaseDirectory);

    public MaintenanceHost()
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>().AddBackend<RawBackend>();
        options.Backends.Add(new MemoryBackend(canMaintain: true));
        Host = new DiskHost(options);
        Directory.CreateDirectory(this["sub"]);
    }

    public DiskHost Host { get; }

    public static DiskOpenOptions Options { get; } = new() { AllowedParentFormats = ["testblocks", "qed"] };

    public string this[string name] => _folder[name];

    public string[] Files => [.. Directory.GetFiles(_folder.FullName, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }).Select(path => Path.GetRelativePath(_folder.FullName, path)).Order(StringComparer.Ordinal)];

    /// <summary>An image filled with one value; over a parent named so: empty.</summary>
    public string Create(string name, string format = "testblocks", string? parent = null, string? parentFormat = null, byte value = 0)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        var options = new CreateDiskOptions
        {
            VirtualSizeBytes = Size,
            ParentName = parent,
            ParentFormat = parentFormat,
            DoNotOpenParent = true,
            FormatOptions = format == "qed" ? new Dictionary<string, string> { ["cluster_size"] = "4096", ["table_size"] = "2" } : new Dictionary<string, string>(),
        };
        Host.CreateImageAsync(this[name], format, options).AsTask().GetAwaiter().GetResult();
        if (value != 0)
        {
            byte[] data = new byte[Size];
            data.AsSpan().Fill(value);
            using VirtualDisk disk = Host.OpenDisk(this[name], Options with { Format = format });
            disk.Write(0, data);
            disk.Close();
        }

        return this[name];
    }

    public VirtualDisk Open(string name, bool readOnly = false) => Host.OpenDisk(this[name], Options with { ReadOnly = readOnly });

    public byte At(string name, long offset)
    {
        using VirtualDisk disk = Open(name, readOnly: true);
        byte[] one = new byte[1];
        disk.Read(offset, one);
        return one[0];
    }

    /// <summary>The parent as the image stores it.</summary>
    public async Task<(string? Name, string? Format)> ParentOf(string name)
    {
        await using OpenedImage image = await Host.OpenImageAsync(this[name]);
        return (image.Image.Parent?.Name, image.Image.Parent?.FormatId);
    }

    public void Dispose()
    {
        Host.Dispose();
        _folder.Dispose();
    }
}
