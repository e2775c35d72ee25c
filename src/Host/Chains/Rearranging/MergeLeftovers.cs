using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>
/// Deletes what an interrupted merge has left. A journal may lie: it lies in a folder with images from anywhere. So a file is deleted only when it is the very
/// file that the journal means (by its number and its birth, which nobody knows who has not seen it on its file system), lies in a folder of the chain, is no part of the chain,
/// is an image whose parent is one of those that went with it or the one that it must be, has no other children, and is used by nobody.
/// </summary>
/// <param name="host">The host.</param>
/// <param name="journal">What it says.</param>
/// <param name="survivor">The image beside which it lies.</param>
/// <param name="chain">The chain as it is.</param>
internal sealed class MergeLeftovers(DiskHost host, MergeJournal journal, Level survivor, IReadOnlyList<Level> chain)
{
    private readonly ILogger _logger = host.Logger;

    /// <summary>Deletes what may be deleted; returns what is gone, now or before. The rest is told in the log.</summary>
    /// <exception cref="ImageException">A deletion may not outlast a power failure; the journal must stay for another try.</exception>
    public async ValueTask<IReadOnlyList<string>> RemoveAsync(IReadOnlyList<string> siblingFolders, CancellationToken cancellationToken)
    {
        string[] folders = [.. ChainSiblings.FoldersOf(chain), .. siblingFolders.Select(HostPath.GetFull).Select(Path.TrimEndingDirectorySeparator)];
        List<string> gone = [];
        UnsureDeletions unsure = new();
        JournalFile[] remaining = [.. journal.Remaining];
        string? children = await WhichChildrenAsync([.. remaining.Select(file => file.Mark.Identity)], folders, cancellationToken).ConfigureAwait(false);
        foreach (JournalFile file in journal.Files)
        {
            FilePeek peek = FilePeek.At(file.Path);
            string? why = peek.Error is { Kind: ImageErrorKind.NotFound } && !peek.IsLink ? ""
                : !remaining.Contains(file) ? "it is another file by now"
                : children ?? await WhyNotAsync(file, peek, folders, cancellationToken).ConfigureAwait(false) ?? TryDelete(file, unsure);
            if (why is { Length: > 0 })
            {
                _logger.LogWarning("{Path}: left by an interrupted merge, and not deleted, because {Reason}; look at it, and delete it if you do not need it", DisplayText.Escape(file.Path), why);
            }
            else
            {
                gone.Add(file.Path);
            }
        }

        unsure.ThrowIfAny("tidying up", survivor.Path);
        return gone;
    }

    /// <summary>Null when no other image needs one of the files, for certain.</summary>
    private async ValueTask<string?> WhichChildrenAsync(StorageIdentity[] files, IReadOnlyList<string> folders, CancellationToken cancellationToken)
    {
        SiblingReport children = await host.FindChildrenAsync(
            files, [.. files, .. chain.Where(level => level.Storage is not null).Select(level => level.Storage!.Identity)], folders, cancellationToken).ConfigureAwait(false);
        return children.Count > 0 ? "other images need one of the merged ones"
            : children.Uncertain.Count > 0 ? $"of '{DisplayText.Escape(children.Uncertain[0].Path)}' it cannot be told whether it needs one of the merged ones"
            : null;
    }

    /// <summary>Why a file is not to be deleted; null if nothing is against it.</summary>
    private async ValueTask<string?> WhyNotAsync(JournalFile file, FilePeek peek, IReadOnlyList<string> folders, CancellationToken cancellationToken)
    {
        if (!peek.IsRegular || peek.IsLink || !file.Mark.Fits(peek.Mark))
        {
            return "it is another file by now";
        }

        // A number is easily guessed.
        if (file.Mark != peek.Mark)
        {
            return "it cannot be told whether it is the same file";
        }

        if (chain.Any(level => level.Storage?.Identity == file.Mark.Identity))
        {
            return "it is a part of the chain";
        }

        if (!folders.Contains(Path.GetDirectoryName(file.Path)))
        {
            return "it does not lie in a folder of the chain";
        }

        ImageHeader header;
        try
        {
            header = await new HeaderReader(host.Opener).ReadAsync(file.Path, root: null, formatId: null, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            return exception.Message;
        }

        if (header.Identity != file.Mark.Identity || header.FileLengthBytes != file.LengthBytes)
        {
            return "it was changed since";
        }

        return header.Error is not null ? "it is damaged" : IsParentRight(file, header) ? null : "it has another parent than a merged image would have";
    }

    private bool IsParentRight(JournalFile file, ImageHeader header)
    {
        if (header.Parent is null)
        {
            // Upwards, the lowest one: it must be an image all the same, and then the survivor has no parent either.
            return journal.Direction == MergeDirection.Up && journal.Neighbour is null && (header.FormatId is not null || file == journal.Files[^1]);
        }

        if (ParentName.TryResolve(header.Parent, file.Path) is not { } parent)
        {
            return false;
        }

        // One that went with it may be deleted already.
        FilePeek peek = FilePeek.At(parent);
        return peek.IsRegular
            ? journal.Names(peek.Mark) || (journal.Direction == MergeDirection.Down ? survivor.Mark is { } mark && mark.Fits(peek.Mark) : journal.IsNeighboursFile(peek.Mark))
            : journal.Files.Any(other => other.Path == parent);
    }

    private static string? TryDelete(JournalFile file, UnsureDeletions unsure)
    {
        try
        {
            using FileStorage storage = FileStorage.Open(file.Path, new FileStorageOptions { ReadOnly = true });
            if (storage.File.Mark != file.Mark)
            {
                return "it is another file by now";
            }

            // Whoever uses it keeps it.
            storage.HoldAlone();
            if (!storage.File.HasName(file.Path))
            {
                return "it is another file by now";
            }

            File.Delete(file.Path);
            try
            {
                storage.File.FlushFolder(Path.GetDirectoryName(file.Path)!);
            }
            catch (ImageException exception)
            {
                unsure.Add(file.Path, exception);
            }

            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ImageException)
        {
            return exception.Message;
        }
    }
}
