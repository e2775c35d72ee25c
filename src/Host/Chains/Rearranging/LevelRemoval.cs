using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>Deletes the file of a level that no chain needs any more.</summary>
internal static class LevelRemoval
{
    /// <summary>Removes the name while the file is still locked, and closes the level. A name that leads to another file by now is left alone.</summary>
    /// <returns>False when it was left, which is logged.</returns>
    public static async ValueTask<bool> RemoveAsync(Level level, ILogger logger)
    {
        try
        {
            return await Task.Run(() => TryRemoveName(level, logger)).ConfigureAwait(false);
        }
        finally
        {
            await VirtualDisk.CloseLevelsAsync<AsyncIo>([level]).ConfigureAwait(false);
        }
    }

    /// <summary>Removes the name only, durably; the level stays open.</summary>
    /// <returns>False when it was left, which is logged.</returns>
    public static bool TryRemoveName(Level level, ILogger logger)
    {
        if (level.Storage is not FileStorage storage)
        {
            return false;
        }

        if (!storage.File.HasName(level.Path))
        {
            logger.LogWarning("{Path}: this name is a link, or leads to another file by now; it was not deleted", DisplayText.Escape(level.Path));
            return false;
        }

        try
        {
            File.Delete(level.Path);
            storage.File.FlushFolder(Path.GetDirectoryName(level.Path)!);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ImageException)
        {
            logger.LogWarning(exception, "{Path}: this file is of no use any more, and could not be deleted", DisplayText.Escape(level.Path));
            return false;
        }
    }
}
