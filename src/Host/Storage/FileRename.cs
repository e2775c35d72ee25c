namespace QedVd.Host;

/// <summary>
/// Gives an open file another name on its volume: in one step for whoever looks, durable when it returns, and as it was when it fails.
/// </summary>
internal static class FileRename
{
    /// <param name="file">The file. Its path is the new one when this returns, or when the exception says so.</param>
    /// <param name="newPath">The new name.</param>
    /// <param name="replaced">The file that has the new name and is to go, held so that nobody uses it; null when the name must be free.</param>
    public static void Run(HostFile file, string newPath, HostFile? replaced)
    {
        string oldPath = file.Path;
        if (!file.HasName(oldPath))
        {
            throw StorageErrors.Create(
                ImageErrorKind.InUse, oldPath, "rename", "cannot rename: this name is a link, or leads to another file by now; give the file's own name.");
        }

        if (replaced is not null && !replaced.HasName(newPath))
        {
            throw StorageErrors.Create(ImageErrorKind.InUse, newPath, "rename", "cannot replace: another file has got this name meanwhile; it was left alone.");
        }

        // A second name for what is replaced, so that it can come back.
        string? backup = replaced is null ? null : TryKeep(file, newPath);
        try
        {
            file.MoveName(oldPath, newPath, overwrite: replaced is not null);
        }
        catch
        {
            Forget(file, backup);
            throw;
        }

        try
        {
            file.FlushFolder(FolderOf(newPath));
            if (FolderOf(oldPath) != FolderOf(newPath))
            {
                file.FlushFolder(FolderOf(oldPath));
            }
        }
        catch (ImageException exception)
        {
            if ((replaced is null || backup is not null) && TryUndo(file, oldPath, newPath, backup))
            {
                throw;
            }

            file.Path = newPath;
            throw new ImageException(
                exception.Kind, $"{exception.Message} The file has its new name all the same, '{StorageErrors.Printable(newPath)}'; after a crash it may have the old one.", newPath, "rename", null, exception);
        }

        file.Path = newPath;
        Forget(file, backup);
    }

    private static string FolderOf(string path) => Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : ".";

    private static string? TryKeep(HostFile file, string path)
    {
        string backup = PendingPlace.NewTemporaryPath(FolderOf(path));
        return file.TryLinkName(path, backup) ? backup : null;
    }

    private static bool TryUndo(HostFile file, string oldPath, string newPath, string? backup)
    {
        try
        {
            file.MoveName(newPath, oldPath, overwrite: false);
            if (backup is not null)
            {
                file.MoveName(backup, newPath, overwrite: false);
            }

            return true;
        }
        catch (ImageException)
        {
            return file.HasName(oldPath);
        }
    }

    private static void Forget(HostFile file, string? backup)
    {
        if (backup is not null)
        {
            file.RemoveName(backup);
        }
    }
}
