using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>Changes how one level is open, file and image together, without a moment in which the file is not held.</summary>
internal static class LevelAccess
{
    /// <summary>
    /// From writable to read-only: all that was written is durable, what was reserved is trimmed, and the file is held for reading only. The caller has
    /// drained the writers. On failure it is as before.
    /// </summary>
    public static async ValueTask FreezeAsync(Level level, CancellationToken cancellationToken)
    {
        await level.AskAsync("flushing", image => image.FlushAsync(cancellationToken), cancellationToken).ConfigureAwait(false);
        ImageOpenFlags flags = level.Image.OpenFlags;
        bool isFrozen = await TrySetFlagsAsync(level, flags | ImageOpenFlags.ReadOnly, cancellationToken).ConfigureAwait(false);
        try
        {
            (level.Storage as FileStorage)?.ChangeAccess(readOnly: true);
        }
        catch
        {
            if (isFrozen)
            {
                await SetFlagsAsync(level, flags, CancellationToken.None).ConfigureAwait(false);
            }

            throw;
        }
    }

    /// <summary>From read-only to writable: the locks of a writer first, then what opening the image for writing takes. On failure it is as before.</summary>
    public static async ValueTask UnfreezeAsync(Level level, ImageOpenFlags flags, ILogger logger, CancellationToken cancellationToken)
    {
        var file = level.Storage as FileStorage;
        bool wasReadOnly = file is { IsReadOnly: true };
        if (wasReadOnly)
        {
            await Task.Run(() => file!.ChangeAccess(readOnly: false), cancellationToken).ConfigureAwait(false);
        }

        try
        {
            if (level.Image.IsReadOnly)
            {
                await SetFlagsAsync(level, flags & ~(ImageOpenFlags.ReadOnly | ImageOpenFlags.Info), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception cause)
        {
            if (wasReadOnly)
            {
                GiveBackAccess(file!, logger);
            }

            ExceptionDispatchInfo.Throw(cause);
        }
    }

    // A format that cannot change its flags stays as it is: nothing but the host writes to it, and the host does so no more.
    private static async ValueTask<bool> TrySetFlagsAsync(Level level, ImageOpenFlags flags, CancellationToken cancellationToken)
    {
        try
        {
            await SetFlagsAsync(level, flags, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.NotSupported)
        {
            return false;
        }
    }

    private static ValueTask SetFlagsAsync(Level level, ImageOpenFlags flags, CancellationToken cancellationToken) =>
        level.AskAsync("changing the access to", image => image.SetOpenFlagsAsync(flags, cancellationToken), cancellationToken);

    private static void GiveBackAccess(FileStorage file, ILogger logger)
    {
        try
        {
            file.ChangeAccess(readOnly: true);
        }
        catch (ImageException exception)
        {
            // The image is read-only all the same; others are kept out more than need be.
            logger.LogWarning(exception, "{Path}: the file stays locked for writing, though it could not be made writable", DisplayText.Escape(file.Name));
        }
    }
}
