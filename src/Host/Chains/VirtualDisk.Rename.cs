namespace QedVd.Host;

/// <content>Another name for the top image's file, while the disk is in use.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Moves the top image's file to another name on the same volume while the disk is in use, in one step and durably. The locks stay with the file;
    /// <see cref="Path"/>, <see cref="Levels"/> and messages follow at once.
    /// </summary>
    /// <remarks>
    /// <para>A parent's name that the image stores relative to its folder is rewritten, so that it means the same file from the new place; a crash at any point
    /// leaves a name that does. Where it cannot be rewritten (a read-only disk, a format that cannot), a move to another folder is refused.</para>
    /// <para><b>Images that have this one as their parent are not known, and not changed:</b> they go on looking for it under its old name.</para>
    /// <para>On failure all is as before. Should the new name be in doubt only because its folder could not be made durable, and the way back fail too, the
    /// message says so, and <see cref="Path"/> is what the file is called.</para>
    /// </remarks>
    /// <param name="newPath">The new name; a relative one starts at the process's folder.</param>
    /// <param name="overwrite">Lets it take the place of a file that exists, that nobody uses, and that is no level of this disk.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.AlreadyExists"/>, <see cref="ImageErrorKind.InUse"/>, <see cref="ImageErrorKind.NotFound"/>;
    /// <see cref="ImageErrorKind.NotSupported"/> for another volume, and for a disk whose top is no file.</exception>
    public async ValueTask RenameAsync(string newPath, bool overwrite = false, CancellationToken cancellationToken = default)
    {
        string full = HostPath.GetFull(newPath);
        using MaintenanceTurn turn = await EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false);
        if (full == Path)
        {
            return;
        }

        Level top = _generation.Levels[0];
        if (top.Storage is not FileStorage storage)
        {
            throw ImageException.NotSupported("renaming a disk whose top is no file", Path);
        }

        if (overwrite)
        {
            DiskHost.ThrowIfInUseByThis(full, Identities, "rename");
        }

        try
        {
            await new LevelRename(top, storage, _logger).RunAsync(full, overwrite, turn.Token).ConfigureAwait(false);
        }
        finally
        {
            if (storage.Name != top.Path)
            {
                _host?.Renamed(_number, storage.Name);
                await PublishAsync(_generation.Moved(storage.Name)).ConfigureAwait(false);
            }
        }
    }
}
