using System.Globalization;

namespace QedVd.Host;

/// <summary>How much room the volume of a file has for us.</summary>
internal static class VolumeRoom
{
    /// <summary>Bytes that may still be used on the volume of a file or folder; null where the system does not say.</summary>
    public static long? FindAvailableBytes(string path)
    {
        try
        {
            return new DriveInfo(Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : path).AvailableFreeSpace;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Throws when an operation would not find the room that it is going to need for a file.</summary>
    public static void Require(string path, long neededBytes, string operation)
    {
        if (neededBytes > 0 && FindAvailableBytes(path) is { } available && available < neededBytes)
        {
            throw new ImageException(
                ImageErrorKind.OutOfSpace,
                string.Create(CultureInfo.InvariantCulture, $"{DisplayText.Escape(path)}: to {operation} may take {neededBytes} bytes more, and the volume has {available} left; nothing was changed. Make room, or begin all the same (SkipSpaceCheck, --skip-space-check)."),
                path,
                operation);
        }
    }
}
