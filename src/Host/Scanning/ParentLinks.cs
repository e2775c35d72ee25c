namespace QedVd.Host;

/// <summary>Finds out, for every image of a scan, what became of the parent that it names, and hangs the images into trees.</summary>
internal sealed class ParentLinks(HeaderReader headers, ScanOptions options, IReadOnlyList<string> roots, Dictionary<StorageIdentity, ScannedFile> files)
{
    // Names alone, so far as the rules of opening a chain have it: below which root a parent lies.
    private readonly ReferencePolicy _policy = new(topFolder: null, new DiskOpenOptions { Trust = options.Trust, AllowedRoots = [.. roots, .. options.AllowedRoots] });

    private readonly List<ScannedImage> _images = [];

    /// <summary>All images, by path.</summary>
    public IReadOnlyList<ScannedImage> Images => _images;

    public async ValueTask ResolveAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, ScannedFile> byPath = [];
        foreach (ScannedFile file in files.Values)
        {
            byPath[file.Path] = file;
            if (file.Header is { FormatId: not null, Error: null })
            {
                Add(file, file.Header);
            }
        }

        // Raw parents join the images on the way; they name no parents themselves.
        foreach (ScannedImage image in _images.ToArray())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (image.Header.Parent is { } parent)
            {
                await ResolveAsync(image, parent, byPath, cancellationToken).ConfigureAwait(false);
            }
        }

        _images.Sort((one, other) => string.CompareOrdinal(one.Path, other.Path));
        CutCycles();
        _images.ForEach(image => image.Hang());
    }

    private void Add(ScannedFile file, ImageHeader header)
    {
        file.Image = new ScannedImage(file.Path, header) { OtherPaths = file.OtherPaths };
        _images.Add(file.Image);
    }

    private async ValueTask ResolveAsync(ScannedImage image, ParentReference parent, Dictionary<string, ScannedFile> byPath, CancellationToken cancellationToken)
    {
        string shown = DisplayText.Escape(parent.NameBytes);
        string path = "";
        try
        {
            (path, string? root) = _policy.Locate(parent, image.Path, level: 1);
            if (!byPath.TryGetValue(path, out ScannedFile? file))
            {
                ImageHeader header = await headers.ReadAsync(path, root, formatId: null, cancellationToken).ConfigureAwait(false);
                if (!files.TryGetValue(header.Identity, out file))
                {
                    (LinkState state, string why) = ParentFit.Judge(parent, path, header, options.AllowedParentFormats);
                    image.SetLink(
                        state == LinkState.Found ? LinkState.OutsideScan : state,
                        state == LinkState.Found ? $"its parent '{shown}' lies outside of the folders that were scanned, at '{DisplayText.Escape(path)}'." : why);
                    return;
                }
            }

            await LinkAsync(image, parent, file, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            LinkState state = exception.Kind switch
            {
                ImageErrorKind.NotFound => LinkState.Missing,
                ImageErrorKind.RefusedByPolicy => LinkState.RefusedByPolicy,
                _ => LinkState.Unreadable,
            };
            image.SetLink(state, state == LinkState.Missing
                ? $"its parent '{shown}' does not exist; looked at '{DisplayText.Escape(path)}'. Bring the file back, or adopt it from where it is now."
                : exception.Message);
        }
    }

    private async ValueTask LinkAsync(ScannedImage image, ParentReference parent, ScannedFile file, CancellationToken cancellationToken)
    {
        (LinkState state, string why) = ParentFit.Judge(parent, file.Path, file.Header, options.AllowedParentFormats);
        if (state != LinkState.Found)
        {
            image.SetLink(state, why);
            return;
        }

        if (file.Image is null)
        {
            // Marked raw, or allowed to be: shown as what the child reads.
            ImageHeader raw = await headers.ReadAsync(file.Path, file.Root, ParentReference.Raw, cancellationToken).ConfigureAwait(false);
            if (raw.Error is { } error)
            {
                image.SetLink(LinkState.Unreadable, error.Message);
                return;
            }

            Add(file, raw);
        }

        image.SetLink(LinkState.Found, why, file.Image);
    }

    private void CutCycles()
    {
        // Which walk has come by each image: a walk that meets itself has gone round.
        Dictionary<ScannedImage, ScannedImage> walks = [];
        foreach (ScannedImage start in _images)
        {
            ScannedImage? image = start;
            while (image is not null && walks.TryAdd(image, start))
            {
                image = image.Parent;
            }

            if (image is not null && walks[image] == start)
            {
                List<ScannedImage> cycle = [image];
                for (ScannedImage? next = image.Parent; next != image; next = next!.Parent)
                {
                    cycle.Add(next!);
                }

                Cut(cycle);
            }
        }
    }

    private static void Cut(List<ScannedImage> cycle)
    {
        string members = string.Join(" -> ", cycle.Take(4).Append(cycle[0]).Select(image => $"'{DisplayText.Escape(Path.GetFileName(image.Path))}'"));
        string text = cycle.Count == 1
            ? "it names itself as its parent. Give it the parent that it was made on."
            : $"its parents lead back to it ({members}{(cycle.Count > 4 ? $", {cycle.Count} in all" : "")}). Give one of them the parent that it was made on.";
        cycle.ForEach(image => image.SetLink(LinkState.Cycle, text));
    }
}
