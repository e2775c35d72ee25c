using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>An image's description for people, in qemu-img's lines; <c>dump</c> has all the rest.</summary>
internal static class InfoText
{
    public static void Write(TextWriter output, ImageInfo info)
    {
        output.WriteLine($"image: {DisplayText.Escape(info.Given)}");
        foreach (string line in Lines(info))
        {
            output.WriteLine(line);
        }
    }

    /// <summary>The lines below the image's name.</summary>
    public static IEnumerable<string> Lines(ImageInfo info)
    {
        ImageDescription image = info.Image;
        yield return $"file format: {image.FormatId}";
        yield return $"virtual size: {SizeText.Human(image.VirtualSizeBytes)} ({image.VirtualSizeBytes} bytes)";
        yield return $"disk size: {SizeText.Human(image.AllocatedBytes)}";
        if (image.BlockBytes > 1)
        {
            yield return $"cluster_size: {image.BlockBytes}";
        }

        if (info.ParentName is { } parent)
        {
            string name = DisplayText.Escape(image.ParentNameBytes.Span);
            yield return info.ParentFile == parent ? $"backing file: {name}" : $"backing file: {name} (actual path: {DisplayText.Escape(info.ParentFile!)})";
            if (image.ParentFormatId is { } format)
            {
                yield return $"backing file format: {DisplayText.Escape(format)}";
            }
        }

        if (image.IsDirty)
        {
            yield return "dirty: yes, the image was not closed cleanly; qedvd check says what that left";
        }

        if (!image.HasImageLocks)
        {
            yield return "locks: none that other programs would mind";
        }

        foreach (string warning in image.Warnings)
        {
            yield return $"warning: {warning}";
        }
    }
}
