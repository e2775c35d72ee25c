namespace QedVd.TestKit;

/// <summary>Plays the host above one image: repeats what was handled in part, and supplies from the levels beneath what the image asks for.</summary>
internal sealed class ComposedImage(IDiskImage image, ParentLevels parents) : IDisposable
{
    private readonly SemaphoreSlim _copyOnWrite = new(1);

    public IDiskImage Image => image;

    public void Dispose()
    {
        image.Dispose();
        _copyOnWrite.Dispose();
    }

    public void Read(long offset, Span<byte> target)
    {
        for (int done = 0; done < target.Length;)
        {
            ReadResult read = image.Read(offset + done, target[done..]);
            if (read.Length == 0)
            {
                throw new InvalidOperationException($"a read at {offset + done} handled nothing");
            }

            Supply(read, offset + done, target.Slice(done, read.Length));
            done += read.Length;
        }
    }

    /// <summary>For who may have to wait for others, on their thread.</summary>
    public async Task ReadAsync(long offset, Memory<byte> target)
    {
        for (int done = 0; done < target.Length;)
        {
            ReadResult read = await image.ReadAsync(offset + done, target[done..]).ConfigureAwait(false);
            if (read.Length == 0)
            {
                throw new InvalidOperationException($"a read at {offset + done} handled nothing");
            }

            Supply(read, offset + done, target.Span.Slice(done, read.Length));
            done += read.Length;
        }
    }

    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        for (int done = 0; done < data.Length;)
        {
            WriteResult result = await image.WriteAsync(offset + done, data[done..], flags).ConfigureAwait(false);
            done += (int)(result.IsFree ? await CopyUpAsync(offset + done, data[done..], flags).ConfigureAwait(false) : result.LengthBytes);
        }
    }

    public async Task ZeroAsync(long offset, long length, WriteFlags flags)
    {
        for (long done = 0; done < length;)
        {
            WriteResult result = await image.WriteZeroesAsync(offset + done, length - done, flags).ConfigureAwait(false);
            if (result.IsFree)
            {
                await WriteAsync(offset + done, new byte[result.LengthBytes], flags & WriteFlags.ForceUnitAccess).ConfigureAwait(false);
            }

            done += result.LengthBytes;
        }
    }

    public async Task DiscardAsync(long offset, long length, WriteFlags flags)
    {
        for (long done = 0; done < length;)
        {
            done += (await image.DiscardAsync(offset + done, length - done, flags).ConfigureAwait(false)).LengthBytes;
        }
    }

    /// <summary>Grows or shrinks; where the disk ends inside a block and levels beneath are longer, that block is written first, as the contract has it.</summary>
    public async Task ResizeAsync(long size)
    {
        long end = image.VirtualSizeBytes;
        int block = image.Limits.BlockBytes;
        long start = end - (end % block);
        if (size > end && start < end && parents.LengthBytes > end && (await image.MapAsync(start, end - start).ConfigureAwait(false)).Kind == ExtentKind.Free)
        {
            byte[] whole = new byte[block];
            await ReadAsync(start, whole.AsMemory(0, (int)(end - start))).ConfigureAwait(false);
            await WriteAsync(start, whole, WriteFlags.None).ConfigureAwait(false);
        }

        await image.ResizeAsync(size, mayShrink: true).ConfigureAwait(false);
    }

    private void Supply(ReadResult read, long offset, Span<byte> handled)
    {
        if (read.Kind == ExtentKind.Zero)
        {
            handled.Clear();
        }
        else if (read.Kind == ExtentKind.Free)
        {
            parents.Read(offset, handled);
        }
    }

    private async Task<long> CopyUpAsync(long offset, ReadOnlyMemory<byte> data, WriteFlags flags)
    {
        await _copyOnWrite.WaitAsync().ConfigureAwait(false);
        try
        {
            WriteResult result = await image.WriteAsync(offset, data, flags).ConfigureAwait(false);
            if (!result.IsFree)
            {
                return result.LengthBytes;
            }

            byte[] whole = new byte[result.PreBytes + result.LengthBytes + result.PostBytes];
            long start = offset - result.PreBytes;
            await ReadAsync(start, whole.AsMemory(0, (int)Math.Min(whole.Length, image.VirtualSizeBytes - start))).ConfigureAwait(false);
            data.Span[..(int)result.LengthBytes].CopyTo(whole.AsSpan((int)result.PreBytes));
            for (int written = 0; written < whole.Length;)
            {
                written += (int)(await image.WriteAsync(start + written, whole.AsMemory(written), flags).ConfigureAwait(false)).LengthBytes;
            }

            return result.LengthBytes;
        }
        finally
        {
            _copyOnWrite.Release();
        }
    }
}
