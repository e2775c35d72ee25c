using QedVd.PlainReader;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>What the files of a chain read as, by the second reader of QED, which was written from the format's description alone.</summary>
internal static class PlainChain
{
    /// <summary>All of a level with what lies beneath it; null where one of the images asks for a check, before which nothing else counts.</summary>
    public static byte[]? Read(string path, string format)
    {
        if (Open(path, format == "raw") is not var (read, lengthBytes))
        {
            return null;
        }

        byte[] bytes = new byte[lengthBytes];
        int count = read(0, bytes);
        return count == bytes.Length ? bytes : throw new PlainQedException(Path.GetFileName(path), $"ends after {count} of {lengthBytes} bytes");
    }

    private static (ReadAt Read, long LengthBytes)? Open(string path, bool isRaw)
    {
        byte[] file = File.ReadAllBytes(path);
        if (isRaw)
        {
            return (ReadFile, file.Length);
        }

        PlainQed image = PlainQed.Open(file.Length, ReadFile);
        if (image.NeedsCheck)
        {
            return null;
        }

        PlainCheck check = image.Check();
        if (check.Corruptions > 0)
        {
            throw new PlainQedException(Path.GetFileName(path), $"{check.Corruptions} corruptions");
        }

        if (image.ParentName is not { } name)
        {
            return ((offset, buffer) => image.Read(offset, buffer), image.VirtualSizeBytes);
        }

        return Open(Path.Combine(Path.GetDirectoryName(path)!, name), image.IsParentRaw) is var (parent, _)
            ? ((offset, buffer) => image.Read(offset, buffer, parent), image.VirtualSizeBytes)
            : null;

        int ReadFile(long offset, Span<byte> buffer)
        {
            int count = (int)Math.Clamp(file.Length - offset, 0, buffer.Length);
            file.AsSpan((int)Math.Min(offset, file.Length), count).CopyTo(buffer);
            return count;
        }
    }
}
