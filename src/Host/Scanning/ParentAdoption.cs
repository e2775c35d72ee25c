namespace QedVd.Host;

/// <summary>Finds the file that an image has lost as its parent.</summary>
internal sealed class ParentAdoption(ImageOpener opener, string imagePath, AdoptOptions options)
{
    private const int MaxCandidatesInMessage = 8;

    private readonly HeaderReader _headers = new(opener);
    private readonly List<AdoptCandidate> _candidates = [];
    private readonly HashSet<StorageIdentity> _considered = [];

    private string Shown => DisplayText.Escape(imagePath);

    /// <summary>What to adopt. Changes nothing.</summary>
    /// <exception cref="ImageException">There is nothing to repair, or not exactly one file that fits.</exception>
    public async ValueTask<AdoptResult> FindAsync(CancellationToken cancellationToken)
    {
        ImageHeader image = await _headers.ReadAsync(imagePath, root: null, formatId: null, cancellationToken).ConfigureAwait(false);
        image.Report.RequireFormat(forWriting: true);
        if (image.Error is { } error)
        {
            throw error;
        }

        if (image.Parent is not { } parent)
        {
            throw Failure(ImageErrorKind.InvalidArgument, "it names no parent, so that there is no link to repair. To give it a parent, rebase it.");
        }

        _considered.Add(image.Identity);
        string[] folders = [.. (options.SearchFolders ?? [Path.GetDirectoryName(imagePath)!]).Select(HostPath.GetFull).Select(Path.TrimEndingDirectorySeparator).Distinct()];
        var fit = new AdoptionCheck(_headers, imagePath, image, parent, folders, options);
        if (options.ParentPath is { } given)
        {
            string path = HostPath.GetFull(given);
            return await ConsiderAsync(fit, path, root: null, CandidateOrigin.Given, cancellationToken).ConfigureAwait(false)
                ?? throw Failure(ImageErrorKind.InvalidArgument, $"'{DisplayText.Escape(path)}' cannot be its parent: {_candidates[^1].Why}");
        }

        if (await fit.FindSoundAsync(cancellationToken).ConfigureAwait(false) is { } sound)
        {
            return new AdoptResult { ImagePath = imagePath, ParentPath = sound.Path, ParentFormatId = sound.FormatId, IsChanged = false, Candidates = [], Warnings = [] };
        }

        return await SearchAsync(fit, parent, folders, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<AdoptResult> SearchAsync(AdoptionCheck fit, ParentReference parent, string[] folders, CancellationToken cancellationToken)
    {
        string name = parent.Name.Split('/')[^1];
        List<(string Path, string Folder)> others = [];
        List<AdoptResult> found = [];
        foreach (string folder in folders)
        {
            foreach (string path in FolderListing.Of(folder).Take(ScanOptions.DefaultMaxFiles).Order(StringComparer.Ordinal))
            {
                if (Path.GetFileName(path) != name)
                {
                    others.Add((path, folder));
                }
                else if (await ConsiderAsync(fit, path, folder, CandidateOrigin.Name, cancellationToken).ConfigureAwait(false) is { } result)
                {
                    found.Add(result);
                }
            }
        }

        // Format and size are shared by many: such a file is only told of. Raw bytes say not even that.
        bool isSimilar = false;
        if (found.Count == 0 && !parent.IsRaw)
        {
            foreach ((string path, string folder) in others)
            {
                isSimilar |= await ConsiderAsync(fit, path, folder, CandidateOrigin.Content, cancellationToken).ConfigureAwait(false) is not null;
            }
        }

        string shown = DisplayText.Escape(parent.NameBytes);
        string where = string.Join(", ", folders.Select(folder => $"'{DisplayText.Escape(folder)}'"));
        return found.Count switch
        {
            1 => found[0] with { Candidates = _candidates },
            0 when isSimilar => throw Failure(
                ImageErrorKind.NotFound,
                $"nothing in {where} has the name of its parent '{shown}' and fits. {List("fits by its format and size, which proves nothing")}If you know that one of these is the parent, name it (ParentPath)."),
            0 => throw Failure(ImageErrorKind.NotFound, $"nothing in {where} can be its parent '{shown}'. {List("fits")}Bring the file back, search other folders, or name it (ParentPath)."),
            _ => throw Failure(ImageErrorKind.InvalidArgument, $"{found.Count} files can be its parent '{shown}'. {List("fits")}Name the right one (ParentPath)."),
        };
    }

    /// <summary>Null: it does not fit, or it has been considered under another name.</summary>
    private async ValueTask<AdoptResult?> ConsiderAsync(AdoptionCheck fit, string path, string? root, CandidateOrigin origin, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        FilePeek peek = FilePeek.At(path);
        if (origin != CandidateOrigin.Given && (!peek.IsRegular || !_considered.Add(peek.Identity)))
        {
            return null;
        }

        List<string> warnings = [];
        string? format = null;
        string? why;
        try
        {
            (format, why) = await fit.CheckAsync(path, options.Trust == ReferenceTrust.Trusted ? null : root, origin, warnings, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            why = exception.Message;
        }

        // What is no image at all is no candidate, unless it has the name.
        if (format is null && why is null)
        {
            return null;
        }

        _candidates.Add(new AdoptCandidate(path, why is null, why ?? string.Join(" ", warnings)));
        return why is not null ? null : new AdoptResult
        {
            ImagePath = imagePath,
            ParentPath = path,
            ParentFormatId = format!,
            IsChanged = true,
            Candidates = _candidates,
            Warnings = warnings,
        };
    }

    private string List(string fits)
    {
        if (_candidates.Count == 0)
        {
            return "";
        }

        // Those that fit are what the caller has to choose among.
        IEnumerable<string> lines = _candidates.OrderByDescending(candidate => candidate.Fits).Take(MaxCandidatesInMessage)
            .Select(candidate => $"'{DisplayText.Escape(candidate.Path)}': {(candidate.Fits ? fits : candidate.Why.TrimEnd('.'))}");
        string more = _candidates.Count > MaxCandidatesInMessage ? $"; and {_candidates.Count - MaxCandidatesInMessage} more" : "";
        return $"Looked at: {string.Join("; ", lines)}{more}. ";
    }

    private ImageException Failure(ImageErrorKind kind, string why) => new(kind, $"{Shown}: {why}", imagePath, "adopt a parent");
}
