namespace QedVd.Conformance;

/// <summary>The two forms of a request behind one face, so that each test runs with both.</summary>
internal sealed class ImageIo(bool isAsync)
{
    public bool IsAsync => isAsync;

    public ValueTask<ReadResult> ReadAsync(IDiskImage image, long offset, Memory<byte> buffer) =>
        isAsync ? image.ReadAsync(offset, buffer) : new(image.Read(offset, buffer.Span));

    public ValueTask<WriteResult> WriteAsync(IDiskImage image, long offset, ReadOnlyMemory<byte> data, WriteFlags flags = WriteFlags.None) =>
        isAsync ? image.WriteAsync(offset, data, flags) : new(image.Write(offset, data.Span, flags));

    public ValueTask<WriteResult> WriteZeroesAsync(IDiskImage image, long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) =>
        isAsync ? image.WriteZeroesAsync(offset, lengthBytes, flags) : new(image.WriteZeroes(offset, lengthBytes, flags));

    public ValueTask<WriteResult> DiscardAsync(IDiskImage image, long offset, long lengthBytes, WriteFlags flags = WriteFlags.None) =>
        isAsync ? image.DiscardAsync(offset, lengthBytes, flags) : new(image.Discard(offset, lengthBytes, flags));

    public ValueTask<Extent> MapAsync(IDiskImage image, long offset, long lengthBytes) =>
        isAsync ? image.MapAsync(offset, lengthBytes) : new(image.Map(offset, lengthBytes));

    public ValueTask FlushAsync(IDiskImage image)
    {
        if (isAsync)
        {
            return image.FlushAsync();
        }

        image.Flush();
        return default;
    }

    public ValueTask CloseAsync(IDiskImage image)
    {
        if (isAsync)
        {
            return image.CloseAsync();
        }

        image.Close();
        return default;
    }

    public ValueTask SetBeneathAsync(IDiskImage image, Beneath beneath)
    {
        if (isAsync)
        {
            return image.SetBeneathAsync(beneath);
        }

        image.SetBeneath(beneath);
        return default;
    }
}
