using Microsoft.Extensions.Logging.Abstractions;

namespace QedVd.Host.Tests.Chains;

/// <summary>Disks out of images that a test made itself.</summary>
internal static class TestDisks
{
    /// <summary>Composes images, top first, and tells each what lies beneath.</summary>
    public static VirtualDisk Compose(params IReadOnlyList<IDiskImage> images) => Compose(new DiskOpenOptions(), images);

    public static VirtualDisk Compose(DiskOpenOptions options, params IReadOnlyList<IDiskImage> images)
    {
        var generation = new Generation([.. images.Select(image => new Level { Image = image, Path = image.Name, FormatId = image.Backend.Id })]);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        return new VirtualDisk(generation, options, host: null, number: 0, NullLogger.Instance);
    }

    /// <summary>An image with these bytes in it, written through a disk of its own.</summary>
    public static BlockImage Filled(string name, long sizeBytes, int blockBytes, byte value)
    {
        var image = new BlockImage(name, sizeBytes, blockBytes);
        VirtualDisk disk = Compose(image);
        byte[] bytes = new byte[sizeBytes];
        bytes.AsSpan().Fill(value);
        disk.Write(0, bytes);
        GC.SuppressFinalize(disk);
        return image;
    }

    public static byte[] ReadAll(VirtualDisk disk)
    {
        byte[] bytes = new byte[disk.LengthBytes];
        bytes.AsSpan().Fill(0xEE);
        disk.Read(0, bytes);
        return bytes;
    }
}
