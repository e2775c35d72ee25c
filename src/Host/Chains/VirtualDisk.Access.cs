namespace QedVd.Host;

/// <content>Read-only to read-write and back, while the disk is in use.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Makes the disk read-only, or writable, while it is in use; parents stay read-only. The locks follow, without a moment in which the file is not held.
    /// </summary>
    /// <remarks>
    /// <para>To read-only: new writes are held until those under way have ended, everything is durable and what was reserved is given back; then they are refused.
    /// Reads go on.</para>
    /// <para>To writable: the locks of a writer first, then what opening the image for writing takes; an image that is marked as not cleanly closed is checked,
    /// for example. Refused when the disk was opened with <see cref="DiskOpenOptions.ForceShare"/>, when its parent is missing, or when the format was only guessed.</para>
    /// <para>On failure the disk stays usable as it was.</para>
    /// </remarks>
    /// <param name="readOnly">What it shall be. Nothing happens when it is so already.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InUse"/>, also for making a disk writable that is the parent of open disks;
    /// <see cref="ImageErrorKind.NotSupported"/>; otherwise the cause.</exception>
    public async ValueTask SetReadOnlyAsync(bool readOnly, CancellationToken cancellationToken = default)
    {
        using MaintenanceTurn turn = await EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false);
        if (readOnly == IsReadOnly)
        {
            return;
        }

        if (readOnly)
        {
            await MakeReadOnlyAsync(turn.Token).ConfigureAwait(false);
            return;
        }

        CloseToChildren("make writable");
        try
        {
            await MakeWritableAsync(turn.Token).ConfigureAwait(false);
        }
        finally
        {
            Children.Reopen();
        }
    }

    private async ValueTask MakeReadOnlyAsync(CancellationToken cancellationToken)
    {
        Generation old = _generation;
        Task drained = old.Writers.CloseAsync();
        try
        {
            await drained.WaitAsync(cancellationToken).ConfigureAwait(false);
            await LevelAccess.FreezeAsync(old.Levels[0], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            old.Writers.Reopen();
            throw;
        }

        _options = _options with { ReadOnly = true };
        await PublishHeldAsync(old.Remade()).ConfigureAwait(false);
    }

    private async ValueTask MakeWritableAsync(CancellationToken cancellationToken)
    {
        Generation old = _generation;
        await CheckMayWriteAsync(old, cancellationToken).ConfigureAwait(false);
        await LevelAccess.UnfreezeAsync(old.Levels[0], old.Top.OpenFlags, _logger, cancellationToken).ConfigureAwait(false);
        _options = _options with { ReadOnly = false };
        await PublishAsync(old.Remade()).ConfigureAwait(false);
    }

    private async ValueTask CheckMayWriteAsync(Generation generation, CancellationToken cancellationToken)
    {
        Level top = generation.Levels[0];
        if (_options.ForceShare)
        {
            throw MayNotWrite(ImageErrorKind.InvalidArgument, "it was opened without locks (ForceShare). Close it, and open it for writing.");
        }

        Level last = generation.Levels[^1];
        if (_options.AllowMissingParent && last.Image.Parent is { NameBytes.IsEmpty: false } missing)
        {
            throw MayNotWrite(
                ImageErrorKind.NotFound, $"the parent '{DisplayText.Escape(missing.NameBytes)}' of '{DisplayText.Escape(last.Path)}' is missing, and writing would make the zeros in its place last. Bring it back first.");
        }

        if (_options.Format is null && top.Storage is not null && _host is not null)
        {
            // For reading, the format may have been the best guess; raw is never guessed for a writable disk.
            string format = (await _host.Opener.ProbeAsync<AsyncIo>(top.Storage, cancellationToken).ConfigureAwait(false)).RequireFormat(forWriting: true);
            if (format != top.FormatId)
            {
                throw MayNotWrite(ImageErrorKind.InUse, $"its file is an image of the format '{format}' now, and was '{top.FormatId}'. Close it, and open it again.");
            }
        }
    }

    private ImageException MayNotWrite(ImageErrorKind kind, string why) => new(kind, $"{Shown}: the disk cannot be made writable: {why}", Path, "make writable");
}
