namespace QedVd.Host;

/// <content>Operations on closed images, in one call: open, do, close. What closing could not save is thrown.</content>
public sealed partial class DiskHost
{
    /// <summary>Changes the size of a disk that is not in use; see <see cref="VirtualDisk.ResizeAsync"/>.</summary>
    /// <param name="path">The top image.</param>
    /// <param name="lengthBytes">The new size, a multiple of 512.</param>
    /// <param name="mayShrink">Without this a smaller size is refused, because it loses data.</param>
    /// <param name="options">How the image and its parents are opened; always for writing.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public ValueTask ResizeAsync(
        string path, long lengthBytes, bool mayShrink = false, DiskOpenOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        WithDiskAsync(path, options, disk => disk.ResizeAsync(lengthBytes, mayShrink, progress, cancellationToken), cancellationToken);

    /// <summary>Gives unused room of an image that is not in use back to its volume; see <see cref="VirtualDisk.CompactAsync"/>.</summary>
    /// <param name="path">The top image.</param>
    /// <param name="compact">What to look for; null: everything but blocks that equal the parent.</param>
    /// <param name="options">How the image and its parents are opened; always for writing.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public ValueTask CompactAsync(
        string path, DiskCompactOptions? compact = null, DiskOpenOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        WithDiskAsync(path, options, disk => disk.CompactAsync(compact, progress, cancellationToken), cancellationToken);

    /// <summary>
    /// Stores another parent name in an image that is not in use: the name only. That the new parent reads as the old one, where the image holds nothing, is
    /// the caller's affair. The parent is opened only when its format has to be found out. Safe against a crash: the old name or the new one.
    /// </summary>
    /// <param name="path">The image; its parents are not opened.</param>
    /// <param name="parentPath">The parent's file, recorded relative to the image's folder where that means the same to everybody; null: none.</param>
    /// <param name="options">How it is recorded.</param>
    /// <param name="request">How the image is opened; always for writing.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    public async ValueTask SetParentNameAsync(
        string path, string? parentPath, SetParentOptions? options = null, ImageOpenRequest? request = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        string full = HostPath.GetFull(path);
        ParentReference? parent = await ParentNaming.MakeAsync(_opener, full, parentPath, options ?? new SetParentOptions(), cancellationToken).ConfigureAwait(false);
        await WithImageAsync(full, request, "change the parent's name of", async level => await level.AskAsync(VirtualDisk.RelinkingLevel, image => image.SetParentAsync(parent, cancellationToken), cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Renames an image that is not in use; its parents are not opened. See <see cref="VirtualDisk.RenameAsync"/>.</summary>
    /// <param name="path">The image.</param>
    /// <param name="newPath">The new name, on the same volume.</param>
    /// <param name="overwrite">Lets it take the place of a file that exists and that nobody uses.</param>
    /// <param name="request">How the image is opened; always for writing.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    public async ValueTask RenameAsync(string path, string newPath, bool overwrite = false, ImageOpenRequest? request = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        string target = HostPath.GetFull(newPath);
        await WithImageAsync(
            HostPath.GetFull(path), request, "rename",
            async level => await new LevelRename(level, (FileStorage)level.Storage!, _logger).RunAsync(target, overwrite, cancellationToken).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
    }

    internal void Renamed(long disk, string path)
    {
        lock (_lock)
        {
            if (_openDisks.ContainsKey(disk))
            {
                _openDisks[disk] = path;
            }
        }
    }

    private async ValueTask WithDiskAsync(string path, DiskOpenOptions? options, Func<VirtualDisk, ValueTask> operation, CancellationToken cancellationToken)
    {
        VirtualDisk disk = await OpenDiskAsync(path, (options ?? new DiskOpenOptions()) with { ReadOnly = false }, cancellationToken).ConfigureAwait(false);
        await using (disk.ConfigureAwait(false))
        {
            await operation(disk).ConfigureAwait(false);
            await disk.CloseAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask WithImageAsync(string path, ImageOpenRequest? request, string what, Func<Level, Task> operation, CancellationToken cancellationToken)
    {
        if (request is { ForceShare: true })
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(path)}: ForceShare cannot be used to {what} an image: another program may be writing it.", path, what);
        }

        FileStorage storage = FileStorage.Open(path);
        string format;
        try
        {
            format = request?.Format ?? (await _opener.ProbeAsync<AsyncIo>(storage, cancellationToken).ConfigureAwait(false)).RequireFormat(forWriting: true);
        }
        catch
        {
            await storage.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        Level level = await _opener.OpenAsync<AsyncIo>(storage, path, format, new ImageOpenOptions(), cancellationToken).ConfigureAwait(false);
        var opened = new OpenedImage(level);
        await using (opened.ConfigureAwait(false))
        {
            await operation(level).ConfigureAwait(false);
            await level.AskAsync("closing", static image => image.CloseAsync(), CancellationToken.None).ConfigureAwait(false);
        }
    }
}
