namespace QedVd.Host;

/// <summary>What a pull is going to need.</summary>
internal static class PullRoom
{
    // Tables take one byte in thousands; a little more does no harm.
    private const int TableShare = 1000;

    /// <summary>
    /// At most so many bytes a level is going to take in, in whole blocks, so that it reads the same over other levels; found from maps alone, so that blocks
    /// which are equal all the same count too.
    /// </summary>
    /// <param name="levels">The chain.</param>
    /// <param name="depth">The level.</param>
    /// <param name="after">What is going to lie beneath it.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async ValueTask<long> EstimateBytesAsync(IReadOnlyList<Level> levels, int depth, IReadOnlyList<Level> after, CancellationToken cancellationToken)
    {
        Level target = levels[depth];
        long length = target.Image.VirtualSizeBytes;
        int block = Math.Max(1, target.Image.Limits.BlockBytes);
        var walk = new PullWalk(target, new ChainView([.. levels.Skip(depth + 1)]), new ChainView(after), long.MaxValue - (long.MaxValue % block));
        long bytes = 0;
        while (walk.OffsetBytes < length)
        {
            PullPiece piece = await walk.NextAsync(cancellationToken).ConfigureAwait(false);
            bytes += piece.IsZero ? 0 : Generation.RoundUp(piece.LengthBytes, block);
        }

        return bytes;
    }

    /// <summary>Throws when the volume of the level has not the room that it is going to need.</summary>
    public static async ValueTask RequireAsync(
        IReadOnlyList<Level> levels, int depth, IReadOnlyList<Level> after, ChainOperationOptions options, string operation, CancellationToken cancellationToken)
    {
        Level target = levels[depth];
        if (options.SkipSpaceCheck || target.Storage is not FileStorage)
        {
            return;
        }

        // Where all of the disk has room, nothing need be counted.
        if (VolumeRoom.FindAvailableBytes(target.Path) is { } available && available > WithTables(target.Image.VirtualSizeBytes))
        {
            return;
        }

        long needed = await EstimateBytesAsync(levels, depth, after, cancellationToken).ConfigureAwait(false);
        VolumeRoom.Require(target.Path, WithTables(needed), operation);
    }

    private static long WithTables(long bytes) => bytes + (bytes / TableShare);
}
