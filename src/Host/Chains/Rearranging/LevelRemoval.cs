using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>Deletes the file of a level that no chain needs any more.</summary>
internal static class LevelRemoval
{
    /// <summary>
    /// Removes the name while nobody else can have the file open, and closes the level. A file that others use, over another image for example, is left, and so is
    /// a name that leads to another file by now.
    /// </summary>
    /// <returns>False when it was left, which is logged, or noted where it is an error.</returns>
    public static async ValueTask<bool> RemoveAsync(Level level, UnsureDeletions unsure, ILogger logger)
    {
        try
        {
            return await Task.Run(() => TryHoldAlone(level, unsure, logger) && TryRemoveName(level, unsure, logger)).ConfigureAwait(false);
        }
        finally
        {
            await VirtualDisk.CloseLevelsAsync<AsyncIo>([level]).ConfigureAwait(false);
        }
    }

    /// <summary>Removes the name only, durably unless it is noted; the level stays open.</summary>
    /// <returns>False when it was left, which is logged.</returns>
    public static bool TryRemoveName(Level level, UnsureDeletions unsure, ILogger logger)
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
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning(exception, "{Path}: this file is of no use any more, and could not be deleted", DisplayText.Escape(level.Path));
            return false;
        }

        try
        {
            storage.File.FlushFolder(Path.GetDirectoryName(level.Path)!);
        }
        catch (ImageException exception)
        {
            // The name is gone, and with it the file once it is closed: nobody may go on with it.
            unsure.Add(level.Path, exception);
        }

        return true;
    }

    // The locks of a writer: who reads the file, or has it beneath another image, holds it against those.
    private static bool TryHoldAlone(Level level, UnsureDeletions unsure, ILogger logger)
    {
        try
        {
            (level.Storage as FileStorage)?.HoldAlone();
            return true;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.InUse)
        {
            logger.LogWarning(exception, "{Path}: this chain does not need the file any more, but somebody uses it; it was not deleted", DisplayText.Escape(level.Path));
            return false;
        }
        catch (ImageException exception)
        {
            unsure.AddKept(level.Path, exception);
            return false;
        }
    }
}
