namespace QedVd.Host;

/// <summary>Looks at every regular file in some folders once: who is an image, and what its header says.</summary>
internal sealed class FolderScan(ImageOpener opener, ScanOptions options, IProgress<OperationProgress>? progress)
{
    private readonly HeaderReader _headers = new(opener);
    private readonly Dictionary<string, (string Root, bool IsLink)> _names = [];
    private readonly Dictionary<StorageIdentity, ScannedFile> _files = [];
    private readonly List<ScanProblem> _problems = [];
    private readonly List<UnfinishedMerge> _unfinished = [];
    private int _seen;

    public async ValueTask<ImageForest> RunAsync(IReadOnlyList<string> folders, CancellationToken cancellationToken)
    {
        string[] roots = [.. folders.Select(HostPath.GetFull).Select(Path.TrimEndingDirectorySeparator).Distinct()];
        foreach (string root in roots)
        {
            // A folder that the caller names must be there; what is wrong further down is reported.
            List(root, root, 0, cancellationToken);
        }

        // Real names before links, so that a file is called by its own.
        int done = 0;
        foreach ((string path, (string root, _)) in _names.OrderBy(name => name.Value.IsLink).ThenBy(name => name.Key, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(new OperationProgress(done++, _names.Count, "looking at files"));
            await LookAtAsync(path, root, cancellationToken).ConfigureAwait(false);
        }

        var links = new ParentLinks(_headers, options, roots, _files);
        await links.ResolveAsync(cancellationToken).ConfigureAwait(false);
        progress?.Report(new OperationProgress(done, done, "looking at files"));
        return new ImageForest
        {
            Images = links.Images,
            Roots = [.. links.Images.Where(image => image.Parent is null)],
            Problems = _problems,
            Unfinished = _unfinished,
        };
    }

    private void List(string folder, string root, int depth, CancellationToken cancellationToken)
    {
        // One more than may be looked at, to know that there are more.
        string[] names = [.. FolderListing.Of(folder).Take(Math.Max(0, options.MaxFiles - _seen) + 1)];
        foreach (string path in names.Order(StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_seen++ >= options.MaxFiles)
            {
                if (_seen == options.MaxFiles + 1)
                {
                    AddProblem(folder, ImageErrorKind.NotSupported, $"there are more than {options.MaxFiles} files; the rest was not looked at. Allow more with MaxFiles, or scan fewer folders.");
                }

                return;
            }

            FilePeek peek = FilePeek.At(path);
            if (peek.IsRegular)
            {
                _names.TryAdd(path, (root, peek.IsLink));
            }
            else if (peek is { IsFolder: true, IsLink: false } && options.Recurse)
            {
                ListBelow(path, root, depth + 1, cancellationToken);
            }
            else if (peek.Error is { } error && FolderListing.IsWorthTelling(path, peek, ref error))
            {
                _problems.Add(ScanProblem.Of(path, error));
            }
        }
    }

    private void ListBelow(string folder, string root, int depth, CancellationToken cancellationToken)
    {
        if (depth > options.MaxFolderDepth)
        {
            AddProblem(folder, ImageErrorKind.NotSupported, $"the folder lies deeper than {options.MaxFolderDepth} and was not looked through. Allow more with MaxFolderDepth, or scan it by itself.");
            return;
        }

        try
        {
            List(folder, root, depth, cancellationToken);
        }
        catch (ImageException exception)
        {
            _problems.Add(ScanProblem.Of(folder, exception));
        }
    }

    private async ValueTask LookAtAsync(string path, string root, CancellationToken cancellationToken)
    {
        FilePeek peek = FilePeek.At(path);
        if (!peek.IsRegular)
        {
            return;
        }

        if (!peek.IsLink && UnfinishedMerge.Of(path) is { } merge)
        {
            _unfinished.Add(merge);
        }
        else if (_files.TryGetValue(peek.Identity, out ScannedFile? known))
        {
            known.OtherPaths.Add(path);
        }
        else
        {
            await ReadAsync(path, root, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask ReadAsync(string path, string root, CancellationToken cancellationToken)
    {
        string? beneath = options.Trust == ReferenceTrust.Trusted ? null : root;
        try
        {
            ImageHeader header = await _headers.ReadAsync(path, beneath, formatId: null, cancellationToken).ConfigureAwait(false);
            var file = new ScannedFile(path, beneath, header);
            if (!_files.TryAdd(header.Identity, file))
            {
                // Another file has just taken the name.
                _files[header.Identity].OtherPaths.Add(path);
            }
            else if (header.Error is { } error)
            {
                _problems.Add(ScanProblem.Of(path, error));
            }
        }
        catch (ImageException exception)
        {
            if (exception.Kind != ImageErrorKind.NotFound)
            {
                _problems.Add(ScanProblem.Of(path, exception));
            }
        }
    }

    private void AddProblem(string path, ImageErrorKind kind, string text) => _problems.Add(new ScanProblem(path, kind, $"{DisplayText.Escape(path)}: {text}"));
}
