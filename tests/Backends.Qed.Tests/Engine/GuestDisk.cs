namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>Plays the host above one image: repeats what was handled in part, and supplies from a parent's bytes what the image asks for.</summary>
internal static class GuestDisk
{
    public static byte[] Read(IDiskImage image, long offset, int length, byte[]? parent = null)
    {
        byte[] result = new byte[length];
        for (int done = 0; done < length;)
        {
            ReadResult read = image.Read(offset + done, result.AsSpan(done));
            Assert.InRange(read.Length, 1, length - done);
            Fill(read, result.AsSpan(done, read.Length), offset + done, parent);
            done += read.Length;
        }

        return result;
    }

    public static async Task<byte[]> ReadAsync(IDiskImage image, long offset, int length, byte[]? parent = null)
    {
        byte[] result = new byte[length];
        for (int done = 0; done < length;)
        {
            ReadResult read = await image.ReadAsync(offset + done, result.AsMemory(done));
            Fill(read, result.AsSpan(done, read.Length), offset + done, parent);
            done += read.Length;
        }

        return result;
    }

    public static void Write(IDiskImage image, long offset, ReadOnlySpan<byte> data, byte[]? parent = null, WriteFlags flags = WriteFlags.None)
    {
        for (int done = 0; done < data.Length;)
        {
            WriteResult result = image.Write(offset + done, data[done..], flags);
            Assert.InRange(result.LengthBytes, 1, data.Length - done);
            if (result.IsFree)
            {
                byte[] whole = Surround(image, offset + done, data.Slice(done, (int)result.LengthBytes), result, parent);
                long start = offset + done - result.PreBytes;
                for (int written = 0; written < whole.Length;)
                {
                    WriteResult filled = image.Write(start + written, whole.AsSpan(written), flags);
                    Assert.False(filled.IsFree);
                    written += (int)filled.LengthBytes;
                }
            }

            done += (int)result.LengthBytes;
        }
    }

    public static async Task WriteAsync(IDiskImage image, long offset, ReadOnlyMemory<byte> data, WriteFlags flags = WriteFlags.None)
    {
        for (int done = 0; done < data.Length;)
        {
            WriteResult result = await image.WriteAsync(offset + done, data[done..], flags);
            Assert.False(result.IsFree);
            done += (int)result.LengthBytes;
        }
    }

    public static void WriteZeroes(IDiskImage image, long offset, long length, byte[]? parent = null, WriteFlags flags = WriteFlags.None)
    {
        for (long done = 0; done < length;)
        {
            WriteResult result = image.WriteZeroes(offset + done, length - done, flags);
            if (result.IsFree)
            {
                Write(image, offset + done, new byte[result.LengthBytes], parent, flags);
            }

            done += result.LengthBytes;
        }
    }

    private static byte[] Surround(IDiskImage image, long offset, ReadOnlySpan<byte> data, WriteResult free, byte[]? parent)
    {
        byte[] whole = new byte[free.PreBytes + data.Length + free.PostBytes];
        long start = offset - free.PreBytes;
        int inside = (int)Math.Min(whole.Length, image.VirtualSizeBytes - start);
        Read(image, start, inside, parent).CopyTo(whole, 0);
        data.CopyTo(whole.AsSpan((int)free.PreBytes));
        return whole;
    }

    private static void Fill(ReadResult read, Span<byte> target, long offset, byte[]? parent)
    {
        if (read.Kind == ExtentKind.Data)
        {
            return;
        }

        target.Clear();
        if (read.Kind == ExtentKind.Free && parent is not null && offset < parent.Length)
        {
            ReadOnlySpan<byte> below = parent.AsSpan((int)offset);
            below[..Math.Min(below.Length, target.Length)].CopyTo(target);
        }
    }
}
