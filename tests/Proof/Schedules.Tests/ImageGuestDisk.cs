namespace QedVd.Schedules.Tests;

/// <summary>An image with nothing beneath, without the host's help.</summary>
internal sealed class ImageGuestDisk(IDiskImage image) : GuestDisk
{
    public override async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (buffer.Length > 0)
        {
            ReadResult result = await image.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
            if (result.Kind != ExtentKind.Data)
            {
                buffer.Span[..result.Length].Clear();
            }

            buffer = buffer[result.Length..];
            offset += result.Length;
        }
    }

    public override async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        while (buffer.Length > 0)
        {
            WriteResult result = await image.WriteAsync(offset, buffer, flags, cancellationToken).ConfigureAwait(false);
            Assert.False(result.IsFree);
            buffer = buffer[(int)result.LengthBytes..];
            offset += result.LengthBytes;
        }
    }

    public override async ValueTask ZeroAsync(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        while (lengthBytes > 0)
        {
            WriteResult result = await image.WriteZeroesAsync(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
            Assert.False(result.IsFree);
            lengthBytes -= result.LengthBytes;
            offset += result.LengthBytes;
        }
    }

    public override async ValueTask DiscardAsync(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        while (lengthBytes > 0)
        {
            WriteResult result = await image.DiscardAsync(offset, lengthBytes, WriteFlags.None, cancellationToken).ConfigureAwait(false);
            lengthBytes -= result.LengthBytes;
            offset += result.LengthBytes;
        }
    }

    public override async ValueTask MapAsync(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        _ = image.TryMap(offset, lengthBytes, out _);
        await image.MapAsync(offset, lengthBytes, cancellationToken).ConfigureAwait(false);
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => image.FlushAsync(cancellationToken);

    public override ValueTask CloseAsync() => image.CloseAsync();
}
