namespace QedVd.Backends.Qed;

/// <summary>Writes zeros where there is no better way.</summary>
internal static class StorageZeros
{
    private static readonly byte[] s_zeros = new byte[64 << 10];

    public static async ValueTask WriteAsync<TIo>(IImageStorage storage, long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (lengthBytes > 0)
        {
            int part = (int)Math.Min(lengthBytes, s_zeros.Length);
            await TIo.WriteAsync(storage, offset, new IoBuffer(s_zeros.AsMemory(0, part)), cancellationToken).ConfigureAwait(false);
            offset += part;
            lengthBytes -= part;
        }
    }
}
