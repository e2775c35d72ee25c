using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>
/// Renames an image's file. A parent's name that is relative to the image's folder is first replaced by an absolute one, which is right from both
/// places, and afterwards by the relative one of the new place: a crash at any point leaves an image that finds its parent.
/// </summary>
internal sealed class LevelRename(Level level, FileStorage storage, ILogger logger)
{
    /// <summary>Returns the path that the image has then.</summary>
    public async ValueTask<string> RunAsync(string newPath, bool overwrite, CancellationToken cancellationToken)
    {
        string? parentPath = FindParentToRewrite(newPath);
        cancellationToken.ThrowIfCancellationRequested();
        ParentReference? before = level.Image.Parent;
        if (parentPath is not null)
        {
            await level.AskAsync(VirtualDisk.RelinkingLevel, image => image.SetParentAsync(new ParentReference(parentPath, before!.FormatId), cancellationToken), cancellationToken).ConfigureAwait(false);
        }

        try
        {
            await Task.Run(() => storage.Rename(newPath, overwrite), CancellationToken.None).ConfigureAwait(false);
        }
        catch when (parentPath is not null)
        {
            await TrySetParentAsync(storage.Name == level.Path ? before! : Relative(parentPath, storage.Name, before!)).ConfigureAwait(false);
            throw;
        }

        if (parentPath is not null && !await TrySetParentAsync(Relative(parentPath, storage.Name, before!)).ConfigureAwait(false))
        {
            await FlushAsync().ConfigureAwait(false);
        }

        return storage.Name;
    }

    private static ParentReference Relative(string parentPath, string imagePath, ParentReference before) =>
        new(RelativeName.Of(parentPath, imagePath, isAbsoluteWanted: false), before.FormatId);

    /// <summary>Where the parent lies, if its name would mean another file from the new place; else null.</summary>
    private string? FindParentToRewrite(string newPath)
    {
        string oldFolder = Path.GetDirectoryName(level.Path)!;
        if (level.Image.Parent is not { NameBytes.IsEmpty: false } parent || Path.GetDirectoryName(newPath) == oldFolder)
        {
            return null;
        }

        string? name = ParentName.GetPlain(parent, out string reason);
        if (name is null)
        {
            // What is no file name ("nbd:...") is relative to nothing. Of bytes that are no text nobody can tell.
            return reason.StartsWith("has the scheme", StringComparison.Ordinal)
                ? null
                : throw Refused(ImageErrorKind.NotSupported, parent, $"{reason}, so that it cannot be adapted to another folder. Choose a name in the same folder.");
        }

        if (Path.IsPathRooted(name))
        {
            return null;
        }

        if (level.Image.IsReadOnly)
        {
            throw Refused(ImageErrorKind.ReadOnly, parent, "is relative to the image's folder, and has to be adapted to the new one. Open the image for writing.");
        }

        if ((level.Image.Capabilities & ImageCapabilities.SetParent) == 0)
        {
            throw Refused(
                ImageErrorKind.NotSupported, parent, $"is relative to the image's folder, and the format '{level.FormatId}' cannot change it. Choose a name in the same folder.");
        }

        return ParentName.Resolve(name, oldFolder);
    }

    // Where the name was not stored because there was no room, all is well; where a barrier failed, this one fails too, and nothing in the file is sure to last.
    private async ValueTask FlushAsync()
    {
        try
        {
            await level.AskAsync(VirtualDisk.RelinkingLevel, image => image.FlushAsync(CancellationToken.None), CancellationToken.None).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            throw new ImageException(
                exception.Kind, $"{DisplayText.Escape(storage.Name)}: renamed, but what the image holds could not be made durable: {exception.Message}", storage.Name, "rename", exception.OffsetBytes, exception);
        }
    }

    // The absolute name that stands there is right too.
    private async ValueTask<bool> TrySetParentAsync(ParentReference parent)
    {
        try
        {
            await level.AskAsync(VirtualDisk.RelinkingLevel, image => image.SetParentAsync(parent, CancellationToken.None), CancellationToken.None).ConfigureAwait(false);
            return true;
        }
        catch (ImageException exception)
        {
            logger.LogWarning(exception, "{Path}: the parent's name stays absolute", DisplayText.Escape(storage.Name));
            return false;
        }
    }

    private ImageException Refused(ImageErrorKind kind, ParentReference parent, string why) =>
        new(kind, $"{DisplayText.Escape(level.Path)}: cannot rename to another folder: its parent's name '{DisplayText.Escape(parent.NameBytes)}' {why}", level.Path, "rename");
}
