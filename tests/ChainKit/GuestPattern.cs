using System.Buffers.Binary;

namespace QedVd.ChainKit;

/// <summary>Bytes that say what wrote them and where: those of another place, or of another write, differ.</summary>
public static class GuestPattern
{
    private const int Word = sizeof(ulong);

    /// <summary>Fills a buffer that goes to <paramref name="offset"/>.</summary>
    public static void Fill(Span<byte> buffer, long offset, long pattern)
    {
        Span<byte> word = stackalloc byte[Word];
        for (int done = 0; done < buffer.Length;)
        {
            int start = (int)((offset + done) % Word);
            int count = Math.Min(Word - start, buffer.Length - done);
            BinaryPrimitives.WriteUInt64LittleEndian(word, Mix(((ulong)(offset + done) / Word) ^ Mix((ulong)pattern)) | 0x0101010101010101);
            word.Slice(start, count).CopyTo(buffer[done..]);
            done += count;
        }
    }

    /// <summary>Such bytes.</summary>
    public static byte[] Make(long offset, int lengthBytes, long pattern)
    {
        byte[] buffer = new byte[lengthBytes];
        Fill(buffer, offset, pattern);
        return buffer;
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15;
        return value ^ (value >> 29);
    }
}
