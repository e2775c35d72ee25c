using System.Text.Json;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>What an image took on the host before and after something that gives room back.</summary>
internal sealed record RoomReport(ImageFileSize Before, ImageFileSize After)
{
    /// <summary>What the image takes now. It must not be open for writing: what is reserved while it is would count.</summary>
    public static async ValueTask<ImageFileSize> MeasureAsync(VerbRun run, string path, string? format)
    {
        ImageDescription image = await run.Host.DescribeImageAsync(path, new ImageOpenRequest { Format = format }, run.Cancellation);
        return new ImageFileSize(image.FileLengthBytes, image.AllocatedBytes);
    }

    public void WriteText(TextWriter output)
    {
        WriteLine(output, "file length:   ", Before.LengthBytes, After.LengthBytes);
        WriteLine(output, "on the volume: ", Before.AllocatedBytes, After.AllocatedBytes);
    }

    /// <summary>The properties of an object that the caller writes.</summary>
    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteNumber("file-length-before", Before.LengthBytes);
        json.WriteNumber("file-length", After.LengthBytes);
        json.WriteNumber("actual-size-before", Before.AllocatedBytes);
        json.WriteNumber("actual-size", After.AllocatedBytes);
    }

    private static void WriteLine(TextWriter output, string what, long before, long after)
    {
        string gained = before > after ? $", {SizeText.Human(before - after)} given back"
            : before < after ? $", {SizeText.Human(after - before)} more"
            : ", as before";
        output.WriteLine($"{what}{SizeText.Human(before)} -> {SizeText.Human(after)} ({before} -> {after} bytes){gained}");
    }
}
