namespace QedVd.Host;

/// <summary>
/// Finds the images that lie over given ones. Names are compared by what they lead to, so that links and odd spellings count. Unlike a disk that is
/// opened, it follows every plain name, because a child that is overlooked is lost: but it only looks which file it is, and opens nothing there.
/// </summary>
internal sealed class SiblingFinder(ImageOpener opener)
{
    private readonly HeaderReader _headers = new(opener);
    private readonly List<string> _children = [];
    private readonly List<ScanProblem> _uncertain = [];

    /// <summary>Looks through the files in these folders, not below them.</summary>
    public async ValueTask<SiblingReport> FindAsync(
        IReadOnlyCollection<StorageIdentity> parents, IReadOnlyCollection<StorageIdentity> except, IEnumerable<string> folders, CancellationToken cancellationToken)
    {
        HashSet<StorageIdentity> wanted = [.. parents];
        HashSet<StorageIdentity> known = [.. except];
        foreach (string folder in folders.Select(HostPath.GetFull).Select(Path.TrimEndingDirectorySeparator).Distinct())
        {
            foreach (string path in List(folder))
            {
                cancellationToken.ThrowIfCancellationRequested();
                FilePeek file = FilePeek.At(path);
                if (file.IsRegular && !known.Contains(file.Identity))
                {
                    await LookAtAsync(path, file, wanted, cancellationToken).ConfigureAwait(false);
                }
                else if (file.Error is { } error && FolderListing.IsWorthTelling(path, file, ref error))
                {
                    _uncertain.Add(ScanProblem.Of(path, error));
                }
            }
        }

        return new SiblingReport(_children, _uncertain);
    }

    private string[] List(string folder)
    {
        try
        {
            return [.. FolderListing.Of(folder).Order(StringComparer.Ordinal)];
        }
        catch (ImageException exception)
        {
            _uncertain.Add(ScanProblem.Of(folder, exception));
            return [];
        }
    }

    private async ValueTask LookAtAsync(string path, FilePeek file, HashSet<StorageIdentity> parents, CancellationToken cancellationToken)
    {
        ImageHeader header;
        try
        {
            header = await _headers.ReadAsync(path, root: null, formatId: null, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            // A file that is gone by now is nobody's child.
            if (exception.Kind != ImageErrorKind.NotFound)
            {
                _uncertain.Add(ScanProblem.Of(path, exception));
            }

            return;
        }

        if (header.Error is { } error)
        {
            _uncertain.Add(ScanProblem.Of(path, error));
        }
        else if (header.Parent is { } parent)
        {
            Judge(path, file.IsLink, parent, parents);
        }
    }

    private void Judge(string path, bool isLink, ParentReference parent, HashSet<StorageIdentity> parents)
    {
        (IReadOnlyList<string> names, bool isCertain) = ParentName.GetPlain(parent, out string reason) is { } plain ? ([plain], true) : OtherSpellings.Of(parent.NameBytes);
        foreach ((string name, string folder) in names.SelectMany(name => FoldersOf(path, isLink).Select(folder => (name, folder))))
        {
            FilePeek found = FilePeek.At(ParentName.Resolve(name, folder));
            if (found.IsRegular && parents.Contains(found.Identity))
            {
                _children.Add(path);
                return;
            }

            if (found.Error is { Kind: not ImageErrorKind.NotFound } error)
            {
                _uncertain.Add(ScanProblem.Of(path, error));
            }
        }

        if (!isCertain)
        {
            string shown = DisplayText.Escape(parent.NameBytes);
            _uncertain.Add(new ScanProblem(path, ImageErrorKind.RefusedByPolicy, $"{DisplayText.Escape(path)}: its parent's name '{shown}' {reason}, so that it cannot be told which file that is."));
        }
    }

    // A relative name starts at the folder of the name by which the image is opened: the link's, or that of the file.
    private static IEnumerable<string> FoldersOf(string path, bool isLink)
    {
        yield return Path.GetDirectoryName(path)!;
        string? target = null;
        if (isLink)
        {
            try
            {
                target = new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName;
            }
            catch (IOException)
            {
                // The link has just been changed.
            }
        }

        if (target is not null)
        {
            yield return Path.GetDirectoryName(target)!;
        }
    }
}
