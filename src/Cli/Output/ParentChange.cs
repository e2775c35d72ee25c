using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>A parent as it stands in a sentence.</summary>
internal static class ParentChange
{
    public static string Show(ImageDescription image) =>
        image.ParentName is null ? "none" : $"'{DisplayText.Escape(image.ParentNameBytes.Span)}'{(image.ParentFormatId is { } format ? $" ({DisplayText.Escape(format)})" : "")}";
}
