namespace QedVd.Host;

/// <content>Giving room back, while the disk is in use.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Gives unused room of the top image back to its volume while the disk is in use. What the disk reads stays the same; parents are not touched.
    /// </summary>
    /// <remarks>The image is valid at every instant: failing, cancelling or a crash loses nothing, and doing it again goes on.</remarks>
    /// <param name="options">What to look for; null: everything but blocks that equal the parent.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.ReadOnly"/>, <see cref="ImageErrorKind.NotSupported"/>,
    /// <see cref="ImageErrorKind.InvalidArgument"/>.</exception>
    public async ValueTask CompactAsync(DiskCompactOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        options ??= new DiskCompactOptions();
        using MaintenanceTurn turn = await EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false);
        RequireWritable("compact");
        RequireCapability(ImageCapabilities.Compact, "compact");

        // The levels stay as long as the turn is held. Which level owns a block is remembered of the levels beneath the top only, and those do not change.
        Generation generation = _generation;
        bool isOver = options.DropBlocksEqualToParent && generation.Levels.Length > 1;
        if (isOver && generation.Levels.Skip(1).FirstOrDefault(level => level.IsMutable) is { } mutable)
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument,
                $"{Shown}: its parent '{DisplayText.Escape(mutable.Path)}' is a disk that may be written meanwhile, so that what equals it now may differ later. Compact without DropBlocksEqualToParent.",
                Path,
                "compact");
        }

        if (isOver && generation.IsParentRenamed)
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument,
                $"{Shown}: a parent's name was changed since the disk was opened, so that what equals the levels beneath now may differ later. Compact without DropBlocksEqualToParent, or open the disk again.",
                Path,
                "compact");
        }

        var compact = new CompactOptions
        {
            DropZeroBlocks = options.DropZeroBlocks,
            EqualsBeneath = isOver ? (offset, data, cancellation) => EqualsBeneathForCompactAsync(generation, offset, data, cancellation) : null,
        };
        CancellationToken token = turn.Token;
        await Task.Run(
            async () => await generation.Levels[0].AskAsync("compacting", progress, (image, told) => image.CompactAsync(compact, told, token), token).ConfigureAwait(false), token).ConfigureAwait(false);
    }

    // Beyond the end of the disk a block holds nothing that counts.
    private static ValueTask<bool> EqualsBeneathForCompactAsync(Generation generation, long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        long inside = Math.Min(data.Length, generation.LengthBytes - offset);
        return inside <= 0
            ? new ValueTask<bool>(true)
            : EqualsBeneathAsync<AsyncIo>(generation, offset, new IoBuffer(data[..(int)inside]), cancellationToken);
    }
}
