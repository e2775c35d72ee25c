namespace QedVd.Hostile.Tests.Differential;

/// <summary>The raw file that the images have as their parent: every block of 4 KiB is of one byte, and the end is in the middle of a block.</summary>
internal static class ParentFile
{
    public const int LengthBytes = (1 << 20) + 512;
    private const int BlockBytes = 4096;

    public static byte[] Content { get; } = Make();

    /// <summary>What an overlay shows where it has nothing.</summary>
    public static void Read(long offset, Span<byte> buffer)
    {
        buffer.Clear();
        if (offset < LengthBytes)
        {
            Content.AsSpan((int)offset, (int)Math.Min(buffer.Length, LengthBytes - offset)).CopyTo(buffer);
        }
    }

    private static byte[] Make()
    {
        byte[] content = new byte[LengthBytes];
        for (int i = 0; i < content.Length; i++)
        {
            content[i] = (byte)(1 + (i / BlockBytes % 250));
        }

        return content;
    }
}
