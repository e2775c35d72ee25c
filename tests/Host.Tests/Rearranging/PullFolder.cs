using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Storage;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A folder of images of test blocks (of any block size), QED and raw, whose bytes repeat often enough that blocks of different images are equal.</summary>
internal sealed class PullFolder : IDisposable
{
    private const int Piece = 2048;

    private readonly TempFolder _folder = new();

    public PullFolder()
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>().AddBackend<RawBackend>();
        options.Backends.Add(new MemoryBackend(canMaintain: true));
        Host = new DiskHost(options);
    }

    public DiskHost Host { get; }

    public static DiskOpenOptions Options { get; } = new() { AllowedParentFormats = ["testblocks", "qed"] };

    public string this[string name] => _folder[name];

    /// <summary>An empty image; a name that ends in ".raw" is a raw file.</summary>
    public string Create(string name, long sizeBytes, string? parent = null, int blockBytes = 4096, string format = "testblocks")
    {
        format = IsRaw(name) ? "raw" : format;
        var options = new CreateDiskOptions
        {
            VirtualSizeBytes = sizeBytes,
            ParentName = parent,
            ParentFormat = parent is null ? null : IsRaw(parent) ? "raw" : "testblocks",
            DoNotOpenParent = true,
            FormatOptions = format switch
            {
                "qed" => new Dictionary<string, string> { ["cluster_size"] = $"{blockBytes}", ["table_size"] = "2" },
                "testblocks" => new Dictionary<string, string> { ["block_size"] = $"{blockBytes}" },
                _ => new Dictionary<string, string>(),
            },
        };
        Host.CreateImageAsync(this[name], format, options).AsTask().GetAwaiter().GetResult();
        return name;
    }

    public VirtualDisk Open(string name, bool readOnly = false) =>
        Host.OpenDisk(this[name], Options with { ReadOnly = readOnly, Format = IsRaw(name) ? "raw" : null });

    /// <summary>Fills a part of an image, through its parents, with one value.</summary>
    public void Fill(string name, byte value, long offset, long lengthBytes)
    {
        using VirtualDisk disk = Open(name);
        byte[] data = new byte[lengthBytes];
        data.AsSpan().Fill(value);
        disk.Write(offset, data);
        disk.Close();
    }

    public void Zero(string name, long offset, long lengthBytes)
    {
        using VirtualDisk disk = Open(name);
        disk.WriteZeroes(offset, lengthBytes);
        disk.Close();
    }

    /// <summary>Writes, zeroes and discards at random.</summary>
    public void Scatter(string name, Random random)
    {
        using VirtualDisk disk = Open(name);
        for (int i = random.Next(12); i > 0 && disk.LengthBytes > 0; i--)
        {
            long start = random.NextInt64(disk.LengthBytes);
            start -= random.Next(2) == 0 ? start % Piece : 0;
            int length = (int)Math.Min(disk.LengthBytes - start, random.Next(1, 12) * Piece);
            switch (random.Next(5))
            {
                case 0:
                    disk.WriteZeroes(start, length);
                    break;
                case 1:
                    disk.Discard(start, length);
                    break;
                default:
                    byte[] data = new byte[length];
                    data.AsSpan().Fill((byte)random.Next(4));
                    disk.Write(start, data);
                    break;
            }
        }

        disk.Close();
    }

    public byte[] Read(string name)
    {
        using VirtualDisk disk = Open(name, readOnly: true);
        byte[] bytes = new byte[disk.LengthBytes];
        disk.Read(0, bytes);
        return bytes;
    }

    /// <summary>What the image itself says of a place: free, zero or data.</summary>
    public async Task<ExtentKind> OwnAsync(string name, long offset)
    {
        await using OpenedImage image = await Host.OpenImageAsync(this[name]);
        return image.Image.Map(offset, 1).Kind;
    }

    public async Task<(string? Name, string? Format)> ParentOfAsync(string name)
    {
        await using OpenedImage image = await Host.OpenImageAsync(this[name]);
        return (image.Image.Parent?.Name, image.Image.Parent?.FormatId);
    }

    /// <summary>Whether nobody keeps others from writing to the file.</summary>
    public bool IsUnlocked(string name)
    {
        try
        {
            using FileStorage storage = FileStorage.Open(this[name]);
            return true;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.InUse)
        {
            return false;
        }
    }

    public void Dispose()
    {
        Host.Dispose();
        _folder.Dispose();
    }

    private static bool IsRaw(string name) => name.EndsWith(".raw", StringComparison.Ordinal);
}
