using System.Text;
using QedVd.Cli.CommandLine;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>An image's description with its names spelt as the user spelt them.</summary>
/// <param name="Given">The image as it was named.</param>
/// <param name="Image">What it is.</param>
internal sealed record ImageInfo(string Given, ImageDescription Image)
{
    /// <summary>The parent's name as the image has it; bytes that are not UTF-8 become U+FFFD. Not escaped.</summary>
    public string? ParentName => Image.ParentName is null ? null : Encoding.UTF8.GetString(Image.ParentNameBytes.Span);

    /// <summary>The parent's name seen from where the user stands, as qemu-img spells it: relative names begin at the image's folder. Not escaped.</summary>
    public string? ParentFile
    {
        get
        {
            if (ParentName is not { } name)
            {
                return null;
            }

            return Image.ParentPath is null || Path.IsPathFullyQualified(name) ? name : Path.Combine(Path.GetDirectoryName(Given) ?? "", name);
        }
    }

    public static ImageInfo Of(string givenTop, ImageDescription image, bool isTop) =>
        new(isTop ? givenTop : HostPath.LikeGiven(givenTop, image.Path), image);
}
