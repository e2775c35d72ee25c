namespace QedVd.Host;

/// <summary>Whether a file can be the parent of an image that has lost its own.</summary>
internal sealed class AdoptionCheck(HeaderReader headers, string imagePath, ImageHeader image, ParentReference parent, IReadOnlyList<string> folders, AdoptOptions options)
{
    private readonly string _imageFolder = Path.GetDirectoryName(imagePath)!;

    /// <summary>The parent where the image's own name still leads to it; null when the link is broken.</summary>
    public async ValueTask<(string Path, string FormatId)?> FindSoundAsync(CancellationToken cancellationToken)
    {
        try
        {
            (string path, string? root) = Policy(imagePath).Locate(parent, imagePath, level: 1);
            (string? format, string? why) = await CheckAsync(path, root, CandidateOrigin.Name, [], cancellationToken).ConfigureAwait(false);
            return why is null && format is not null ? (path, format) : null;
        }
        catch (ImageException)
        {
            return null;
        }
    }

    /// <summary>The format it is to be opened as, and why it does not fit; both null: it is no image, and nothing else speaks for it.</summary>
    public async ValueTask<(string? FormatId, string? Why)> CheckAsync(
        string path, string? root, CandidateOrigin origin, List<string> warnings, CancellationToken cancellationToken)
    {
        ImageHeader header = await headers.ReadAsync(path, root, formatId: null, cancellationToken).ConfigureAwait(false);
        if (header.FormatId is null && origin == CandidateOrigin.Content)
        {
            return (null, null);
        }

        if (header.Identity == image.Identity)
        {
            return (null, "it is the image itself.");
        }

        (LinkState state, string why) = ParentFit.Judge(parent, path, header, options.AllowedParentFormats);
        if (state != LinkState.Found)
        {
            return (null, why);
        }

        string format = parent.FormatId ?? header.FormatId ?? ParentReference.Raw;
        if (parent.IsRaw && header.FormatId is { } own)
        {
            if (origin != CandidateOrigin.Given)
            {
                return (null, $"it is an image of the format '{own}', and the parent is marked as raw.");
            }

            warnings.Add(why);
        }

        long size = parent.IsRaw ? header.FileLengthBytes : header.VirtualSizeBytes;
        if (size != image.VirtualSizeBytes)
        {
            string sizes = $"its disk has {size} bytes, and the image's {image.VirtualSizeBytes}";
            if (origin == CandidateOrigin.Content)
            {
                return (null, $"{sizes}; with another name than the image remembers, only the same size is considered.");
            }

            warnings.Add($"'{DisplayText.Escape(path)}': {sizes}.");
        }

        if (await WhyNotBelowAsync(path, header, parent.IsRaw, cancellationToken).ConfigureAwait(false) is { } broken)
        {
            return (null, broken);
        }

        WarnOf(path, warnings);
        return (format, WhyInUse(path, root));
    }

    /// <summary>Follows the candidate's own parents: they must be there, and none of them the image.</summary>
    private async ValueTask<string?> WhyNotBelowAsync(string path, ImageHeader header, bool isRaw, CancellationToken cancellationToken)
    {
        ReferencePolicy policy = Policy(path);
        HashSet<StorageIdentity> seen = [header.Identity];
        for (int level = 1; !isRaw && header.Parent is { } next; level++)
        {
            if (level >= DiskOpenOptions.DefaultMaxDepth)
            {
                return $"it has {level} levels below it, more than may be opened. Merge some.";
            }

            (string nextPath, string? root) = policy.Locate(next, path, level);
            ImageHeader below;
            try
            {
                below = await headers.ReadAsync(nextPath, root, formatId: null, cancellationToken).ConfigureAwait(false);
            }
            catch (ImageException exception)
            {
                return $"its own chain is broken: {exception.Message} Repair that first.";
            }

            if (below.Identity == image.Identity)
            {
                return "it lies over the image itself, so that they would be a cycle.";
            }

            (LinkState state, string why) = ParentFit.Judge(next, nextPath, below, options.AllowedParentFormats);
            if (state != LinkState.Found || !seen.Add(below.Identity))
            {
                return $"its own chain is broken: {(state != LinkState.Found ? why : "it is a cycle.")} Repair that first.";
            }

            (path, header, isRaw) = (nextPath, below, next.IsRaw);
        }

        return null;
    }

    private void WarnOf(string path, List<string> warnings)
    {
        string shown = DisplayText.Escape(path);
        if (File.GetLastWriteTimeUtc(path) > File.GetLastWriteTimeUtc(imagePath))
        {
            warnings.Add($"'{shown}' was changed after the image was. If its content was changed, the disk does not read as it did.");
        }

        string relative = Path.GetRelativePath(_imageFolder, path);
        if (Path.IsPathRooted(relative) || relative.StartsWith("..", StringComparison.Ordinal))
        {
            warnings.Add($"'{shown}' lies outside of the image's folder: allow its folder with AllowedRoots (--allow DIR) when the image is opened.");
        }
    }

    // Who writes to it does not hold it as a parent.
    private static string? WhyInUse(string path, string? root)
    {
        try
        {
            FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.Read, BeneathRoot = root }).Dispose();
            return null;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.InUse)
        {
            return exception.Message;
        }
    }

    private ReferencePolicy Policy(string path) =>
        new(Path.GetDirectoryName(path), new DiskOpenOptions { Trust = options.Trust, AllowedRoots = [_imageFolder, .. folders, .. options.AllowedRoots] });
}
