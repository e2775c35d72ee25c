using Xunit;

namespace QedVd.Conformance;

/// <summary>
/// The smallest host that there can be: one image over the bytes of a parent. It does what the contract leaves to the host (reads what is free
/// from the parent, supplies the rest of a block) and checks on the way every answer that the image gives.
/// </summary>
internal sealed class ReferenceDisk(IDiskImage image, ImageIo io, byte[] parent)
{
    public const byte Poison = 0xA5;

    public IDiskImage Image => image;

    public async Task<byte[]> ReadAsync(long offset, int lengthBytes)
    {
        byte[] bytes = new byte[lengthBytes];
        bytes.AsSpan().Fill(Poison);
        for (int done = 0; done < lengthBytes;)
        {
            Memory<byte> rest = bytes.AsMemory(done);
            ReadResult result = await io.ReadAsync(image, offset + done, rest);
            Assert.True(Enum.IsDefined(result.Kind), $"read of {rest.Length} at {offset + done}: the answer has kind {result.Kind}");
            Assert.True(result.Length >= 1 && result.Length <= rest.Length, $"read of {rest.Length} at {offset + done}: {result.Length} bytes handled");
            if (result.Kind != ExtentKind.Data)
            {
                Assert.False(rest.Span[..result.Length].ContainsAnyExcept(Poison), $"read at {offset + done}: answered {result.Kind} and touched the buffer");
                Fill(result.Kind, offset + done, rest.Span[..result.Length]);
            }

            done += result.Length;
        }

        return bytes;
    }

    public async Task<byte[]> ReadAllAsync() => await ReadAsync(0, (int)image.VirtualSizeBytes);

    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> data, WriteFlags flags = WriteFlags.None)
    {
        while (data.Length > 0)
        {
            WriteResult result = await io.WriteAsync(image, offset, data, flags);
            CheckAnswer(result, offset, data.Length);
            int length = (int)result.LengthBytes;
            if (result.IsFree)
            {
                await SupplyAsync(result, offset, data[..length], flags);
            }

            offset += length;
            data = data[length..];
        }
    }

    public async Task WriteZeroesAsync(long offset, long lengthBytes, WriteFlags flags = WriteFlags.None)
    {
        while (lengthBytes > 0)
        {
            WriteResult result = await io.WriteZeroesAsync(image, offset, lengthBytes, flags);
            CheckAnswer(result, offset, lengthBytes);
            if (result.IsFree)
            {
                await SupplyAsync(result, offset, new byte[(int)result.LengthBytes], flags & WriteFlags.ForceUnitAccess);
            }

            offset += result.LengthBytes;
            lengthBytes -= result.LengthBytes;
        }
    }

    public async Task DiscardAsync(long offset, long lengthBytes)
    {
        while (lengthBytes > 0)
        {
            WriteResult result = await io.DiscardAsync(image, offset, lengthBytes);
            Assert.False(result.IsFree, "a discard never answers free");
            CheckAnswer(result, offset, lengthBytes);
            offset += result.LengthBytes;
            lengthBytes -= result.LengthBytes;
        }
    }

    /// <summary>What the contract says of every answer to a change.</summary>
    public void CheckAnswer(WriteResult result, long offset, long askedBytes)
    {
        string what = $"{askedBytes} bytes at {offset}: {result}";
        Assert.True(result.LengthBytes >= 1 && result.LengthBytes <= askedBytes, what);
        if (!result.IsFree)
        {
            Assert.True(result is { PreBytes: 0, PostBytes: 0 }, what);
            return;
        }

        long block = image.Limits.BlockBytes;
        Assert.True(result.PreBytes == offset % block, $"{what}: the block starts {offset % block} bytes before");
        Assert.True(result.PostBytes >= 0 && result.PostBytes < block && (offset + result.LengthBytes + result.PostBytes) % block == 0, $"{what}: does not end with a block of {block}");
    }

    private async Task SupplyAsync(WriteResult free, long offset, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        long start = offset - free.PreBytes;
        byte[] blocks = new byte[free.PreBytes + free.LengthBytes + free.PostBytes];
        Fill(ExtentKind.Free, start, blocks);
        data.CopyTo(blocks.AsMemory((int)free.PreBytes));
        for (int done = 0; done < blocks.Length;)
        {
            WriteResult result = await io.WriteAsync(image, start + done, blocks.AsMemory(done), flags);
            Assert.False(result.IsFree, $"a write of whole blocks ({blocks.Length - done} bytes at {start + done}) answers free: {result}");
            CheckAnswer(result, start + done, blocks.Length - done);
            done += (int)result.LengthBytes;
        }
    }

    private void Fill(ExtentKind kind, long offset, Span<byte> target)
    {
        target.Clear();
        if (kind == ExtentKind.Free && offset < parent.Length)
        {
            int length = (int)Math.Min(target.Length, parent.Length - offset);
            parent.AsSpan((int)offset, length).CopyTo(target);
        }
    }
}
