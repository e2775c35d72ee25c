using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <content>Another parent, or none, with the same content.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Makes the disk independent of its parents while it is in use: what the top does not hold itself is copied into it, and then it names no parent any
    /// more. What the disk reads stays the same. The parents are closed; their files stay as they are.
    /// </summary>
    /// <inheritdoc cref="RebaseAsync" path="/remarks"/>
    /// <param name="options">How; null: as fast as it goes.</param>
    /// <param name="progress">Told how far it is, in bytes of the disk.</param>
    /// <param name="cancellationToken">Stops between steps; the disk keeps its parents.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.ReadOnly"/>; <see cref="ImageErrorKind.NotSupported"/>; <see cref="ImageErrorKind.OutOfSpace"/>;
    /// <see cref="ImageErrorKind.InvalidArgument"/> over an open disk that may be written meanwhile.</exception>
    public async ValueTask<OperationResult> FlattenAsync(FlattenOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        Rearrangement work = await Rearrangement.BeginAsync(this, "flatten", cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            RequireRebasable("flatten");
            return await ReplaceParentsAsync(work, null, [], options ?? new FlattenOptions(), "flatten", progress).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Gives the disk another parent while it is in use. What the disk reads stays the same, whatever the new parent holds: where the two differ and the top
    /// holds nothing itself, what the old parents hold is copied into it first.
    /// </summary>
    /// <remarks>
    /// <para>Reads and writes go on; new writes wait, at the beginning and at the end, until those under way have ended. The new chain is opened as the disk's own was: with its trust, roots, formats and depth; levels that belong to both are
    /// kept open. Old parents that are not needed any more are closed; their files stay as they are.</para>
    /// <para>Safe against failing, cancelling and a crash at any point: the old parents or the new ones, and the same content. What was copied by then stays
    /// copied, and doing it again goes on from there.</para>
    /// </remarks>
    /// <param name="parentPath">The new parent's file, recorded relative to the image's folder where that means the same to everybody; null: none, as
    /// <see cref="FlattenAsync"/>.</param>
    /// <param name="options">How; null: as said, and the parent's format is found by probing.</param>
    /// <param name="progress">Told how far it is, in bytes of the disk.</param>
    /// <param name="cancellationToken">Stops between steps; the disk keeps its old parents.</param>
    /// <exception cref="ImageException">As for <see cref="FlattenAsync"/>; <see cref="ImageErrorKind.Corrupt"/> where the new chain would be a cycle; what
    /// opening the new parents throws.</exception>
    public async ValueTask<OperationResult> RebaseAsync(
        string? parentPath, RebaseOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        options ??= new RebaseOptions();
        Rearrangement work = await Rearrangement.BeginAsync(this, "rebase", cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            RequireRebasable("rebase");
            if (parentPath is null)
            {
                return await ReplaceParentsAsync(work, null, [], options, "rebase", progress).ConfigureAwait(false);
            }

            if (_host is null || work.Levels[0].Storage is not FileStorage)
            {
                throw ImageException.NotSupported("a rebase of a disk whose top is no file", Path);
            }

            var naming = new SetParentOptions { Format = options.ParentFormat, AbsoluteName = options.AbsoluteName };
            ParentReference parent = (await ParentNaming.MakeAsync(_host.Opener, Path, parentPath, naming, work.Token).ConfigureAwait(false))!;
            IReadOnlyList<Level> beneath = await new ChainOpener(_host.Opener, _options with { ParentDisk = null })
                .OpenBeneathAsync(work.Levels, parent, options.ParentFormat, work.Token).ConfigureAwait(false);
            try
            {
                return await ReplaceParentsAsync(work, parent, beneath, options, "rebase", progress).ConfigureAwait(false);
            }
            finally
            {
                // Nobody has used those that did not get into the chain.
                await CloseUnusedAsync(beneath, work.Levels).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask<OperationResult> ReplaceParentsAsync(
        Rearrangement work, ParentReference? parent, IReadOnlyList<Level> beneath, ChainOperationOptions options, string operation, IProgress<OperationProgress>? progress)
    {
        IReadOnlyList<Level> old = work.Levels;
        await PullRoom.RequireAsync(old, 0, beneath, options, operation, work.Token).ConfigureAwait(false);
        using RateLimiter limiter = LimiterFor(options);
        long copied = await PullAsync(new ChainView([.. old.Skip(1)]), new ChainView(beneath), limiter, EarlyBarriersOf(this), progress, work.Token).ConfigureAwait(false);
        if (parent is not null || old[0].Image.Parent is not null)
        {
            // Durable in itself. From here on there is no way back, and nothing that could fail.
            await old[0].AskAsync(RelinkingLevel, image => image.SetParentAsync(parent, work.Token), work.Token).ConfigureAwait(false);
        }

        await work.PublishAsync([old[0], .. beneath]).ConfigureAwait(false);
        await CloseUnusedAsync(old, work.Levels).ConfigureAwait(false);
        return new OperationResult(LengthBytes, copied, LengthBytes - copied);
    }

    // They were only read, so that nothing is lost by an error.
    private async ValueTask CloseUnusedAsync(IReadOnlyList<Level> levels, IReadOnlyList<Level> used)
    {
        Level[] unused = [.. levels.Where(level => !used.Any(other => other.Image == level.Image))];
        if (await CloseLevelsAsync<AsyncIo>(unused).ConfigureAwait(false) is { } error)
        {
            _logger.LogWarning(error, "{Path}: closing a parent that is not needed any more failed: {Message}", Shown, DisplayText.Escape(error.Message));
        }
    }

    /// <summary>Whether something beneath the top may be changed by others while the disk is open.</summary>
    internal bool HasMutableParents => _generation.Levels.Skip(1).Any(level => level.IsMutable);

    private void RequireRebasable(string operation)
    {
        RequireCapability(ImageCapabilities.SetParent, "change the parent's name in");
        RequireSteadyLevels(_generation.Levels, 1, operation);
    }

    /// <summary>Throws where what lies at or beneath a depth may change by itself.</summary>
    private void RequireSteadyLevels(IReadOnlyList<Level> levels, int depth, string operation)
    {
        if (levels.Skip(depth).FirstOrDefault(level => level.IsMutable) is { } mutable)
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument,
                $"{Shown}: its parent '{DisplayText.Escape(mutable.Path)}' is a disk that may be written meanwhile, so that there is no content to keep. Make that disk read-only, and open this one again to {operation} it.",
                Path,
                operation);
        }
    }
}
