namespace QedVd;

/// <summary>The answer of a write, a zero or a discard request.</summary>
/// <param name="IsFree">
/// False: the first <paramref name="LengthBytes"/> were handled. True: nothing was changed, because the first <paramref name="LengthBytes"/> are free
/// and the request does not cover whole blocks (or <see cref="WriteFlags.NoAllocate"/> forbids to allocate). The host then supplies
/// <paramref name="PreBytes"/> in front and <paramref name="PostBytes"/> behind them, and writes whole blocks.
/// </param>
/// <param name="LengthBytes">Bytes handled, or found free; at least 1 unless the request was empty.</param>
/// <param name="PreBytes">Bytes between the start of the first block and the start of the request. 0 when handled.</param>
/// <param name="PostBytes">
/// Bytes between the end of the free run and the end of its last block, which may lie beyond the end of the disk. 0 when handled.
/// </param>
public readonly record struct WriteResult(bool IsFree, long LengthBytes, long PreBytes = 0, long PostBytes = 0)
{
    /// <summary>The first <paramref name="lengthBytes"/> of the request were handled.</summary>
    public static WriteResult Done(long lengthBytes) => new(IsFree: false, lengthBytes);

    /// <summary>Nothing was changed; see <see cref="IsFree"/>.</summary>
    public static WriteResult Free(long lengthBytes, long preBytes, long postBytes) => new(IsFree: true, lengthBytes, preBytes, postBytes);
}
