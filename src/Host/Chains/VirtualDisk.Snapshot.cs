using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <content>Putting an overlay on a disk that is in use.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Puts a new overlay on the disk while it is in use: what the disk holds now stays in the old top, which becomes read-only; writes go to the overlay.
    /// New writes are held for the moment of the change, reads are not. When a step fails, the old top goes on and the new file is removed.
    /// </summary>
    /// <param name="overlayPath">The new file.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Gives up before the change; the disk is as before.</param>
    public async ValueTask SnapshotAsync(string overlayPath, SnapshotOptions? options = null, CancellationToken cancellationToken = default)
    {
        string path = HostPath.GetFull(overlayPath);
        options ??= new SnapshotOptions();
        using MaintenanceTurn turn = await EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false);
        if (IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Shown}: the disk is open for reading only, so that there is nothing to take a snapshot of. Create an overlay instead.", Path, "snapshot");
        }

        if (_host is null || _generation.Levels[0].Storage is not FileStorage)
        {
            throw ImageException.NotSupported("a snapshot of a disk whose top is no file", Path);
        }

        PendingFile file = await CreateOverlayFileAsync(_host, path, options, turn.Token).ConfigureAwait(false);
        await using (file.ConfigureAwait(false))
        {
            try
            {
                await Task.Run(() => file.PublishUnsettled(), turn.Token).ConfigureAwait(false);
                Level overlay = await OpenOverlayAsync(_host, file, options, turn.Token).ConfigureAwait(false);
                try
                {
                    await PutOnTopAsync(overlay, turn.Token).ConfigureAwait(false);
                }
                catch
                {
                    await CloseLevelsAsync<AsyncIo>([overlay]).ConfigureAwait(false);
                    throw;
                }
            }
            catch
            {
                // A file that it was to replace is there again.
                if (!file.TryWithdraw())
                {
                    _logger.LogWarning("{Path}: this unused overlay could not be removed", DisplayText.Escape(path));
                }

                throw;
            }

            file.Settle();
        }
    }

    /// <summary>For tests: the same with an overlay that is there already, on whatever storage; the caller's again when this fails.</summary>
    internal async ValueTask TakeOverlayAsync(Level overlay, CancellationToken cancellationToken)
    {
        using MaintenanceTurn turn = await EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false);
        await PutOnTopAsync(overlay, turn.Token).ConfigureAwait(false);
    }

    private async ValueTask<PendingFile> CreateOverlayFileAsync(DiskHost host, string path, SnapshotOptions options, CancellationToken cancellationToken)
    {
        Generation generation = _generation;
        Level top = generation.Levels[0];
        string format = OverlayFormat(host, options);
        if (options.Overwrite)
        {
            DiskHost.ThrowIfInUseByThis(path, Identities, "snapshot");
        }

        var create = new ImageCreateOptions
        {
            VirtualSizeBytes = generation.LengthBytes,
            Parent = DiskHost.ParentToRecord(RelativeName.Of(top.Path, path, options.AbsoluteParentName), top.FormatId),
            FormatOptions = host.TakesBlockSizeOf(format, top.FormatId, options.FormatOptions) ? DiskHost.BlockSizeOption(top.Image.Limits.BlockBytes) : options.FormatOptions,
        };
        return await host.CreateFileAsync(path, format, create, options.Overwrite, cancellationToken).ConfigureAwait(false);
    }

    private string OverlayFormat(DiskHost host, SnapshotOptions options) => options.FormatId ?? host.OverlayFormatFor(_generation.Levels[0].FormatId);

    private async ValueTask<Level> OpenOverlayAsync(DiskHost host, PendingFile file, SnapshotOptions options, CancellationToken cancellationToken)
    {
        var imageOptions = new ImageOpenOptions { Flags = _options.Flags & ~(ImageOpenFlags.ReadOnly | ImageOpenFlags.Info), Mode = _options.Mode };
        Level overlay = await host.Opener.OpenAsync<AsyncIo>(file.TakeStorage(), file.Path, OverlayFormat(host, options), imageOptions, cancellationToken).ConfigureAwait(false);
        try
        {
            KeepGeometry(_generation.Levels[0].Image, overlay.Image);
            return overlay;
        }
        catch
        {
            await CloseLevelsAsync<AsyncIo>([overlay]).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>What was set is the guest's, whichever image is on top; where nothing was, an image need not be able to keep it.</summary>
    private static void KeepGeometry(IDiskImage top, IDiskImage newTop)
    {
        if (top.LogicalGeometry is { } geometry)
        {
            newTop.LogicalGeometry = geometry;
        }
    }

    private async ValueTask PutOnTopAsync(Level overlay, CancellationToken cancellationToken)
    {
        Generation old = _generation;
        var next = old.Under(overlay);
        await overlay.AskAsync(ComposingLevel, image => image.SetBeneathAsync(next.BeneathOf(0), cancellationToken), cancellationToken).ConfigureAwait(false);

        Task drained = old.Writers.CloseAsync();
        try
        {
            await drained.WaitAsync(cancellationToken).ConfigureAwait(false);
            await LevelAccess.FreezeAsync(old.Levels[0], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // Requests that were waited for in vain may still be under way: the gate counts them on.
            old.Writers.Reopen();
            throw;
        }

        await PublishHeldAsync(next).ConfigureAwait(false);
    }
}
