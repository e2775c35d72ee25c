using System.Text.Json;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>An image's description under qemu-img's keys, with truthful values, and with keys of our own behind them.</summary>
internal static class InfoJson
{
    public static void Write(Utf8JsonWriter json, ImageInfo info, int? depth)
    {
        json.WriteStartObject();
        WriteProperties(json, info, depth);
        json.WriteEndObject();
    }

    /// <summary>The same inside an object that the caller writes.</summary>
    public static void WriteProperties(Utf8JsonWriter json, ImageInfo info, int? depth)
    {
        ImageDescription image = info.Image;
        json.WriteNumber("virtual-size", image.VirtualSizeBytes);
        json.WriteString("filename", info.Given);
        if (image.BlockBytes > 1)
        {
            json.WriteNumber("cluster-size", image.BlockBytes);
        }

        json.WriteString("format", image.FormatId);
        json.WriteNumber("actual-size", image.AllocatedBytes);
        json.WriteBoolean("dirty-flag", image.IsDirty);
        if (info.ParentName is { } parent)
        {
            json.WriteString("backing-filename", parent);
            json.WriteString("full-backing-filename", info.ParentFile);
            json.WriteIfAny("backing-filename-format", image.ParentFormatId);
            if (!IsUtf8(image.ParentNameBytes.Span))
            {
                json.WriteString("backing-filename-hex", Convert.ToHexStringLower(image.ParentNameBytes.Span));
            }
        }

        if (depth is { } level)
        {
            json.WriteNumber("depth", level);
        }

        json.WriteString("format-name", image.FormatName);
        json.WriteString("format-version", image.FormatVersion);
        json.WriteNumber("file-length", image.FileLengthBytes);
        json.WriteBoolean("locked-for-qemu", image.HasImageLocks);
        json.WriteIfAny("warnings", image.Warnings);
    }

    private static bool IsUtf8(ReadOnlySpan<byte> bytes) => System.Text.Unicode.Utf8.IsValid(bytes);
}
