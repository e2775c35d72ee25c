using System.Text;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>The line about a new image, with qemu-img's words.</summary>
internal static class CreatedLine
{
    public static string Of(string given, ImageDescription image, string? parentFormat)
    {
        var line = new StringBuilder($"Formatting '{DisplayText.Escape(given)}', fmt={image.FormatId} size={image.VirtualSizeBytes}");
        if (image.ParentName is not null)
        {
            line.Append($" backing_file={DisplayText.Escape(image.ParentNameBytes.Span)}");
            if ((parentFormat ?? image.ParentFormatId) is { } format)
            {
                line.Append($" backing_fmt={format}");
            }
        }

        if (image.BlockBytes > 1)
        {
            line.Append($" cluster_size={image.BlockBytes}");
        }

        return line.ToString();
    }
}
