using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>Opens a top image and, under the reference policy, its parents one below the other.</summary>
internal sealed class ChainOpener(ImageOpener opener, DiskOpenOptions options)
{
    private readonly List<Level> _levels = [];
    private readonly HashSet<StorageIdentity> _identities = [];

    // The levels of the disk that gets other parents; else none.
    private IReadOnlyList<Level> _own = [];

    /// <summary>Opens a file and its parents; on failure everything is closed again.</summary>
    public async ValueTask<Generation> OpenAsync<TIo>(string path, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        CheckOptions();
        FileStorage storage = FileStorage.Open(path, new FileStorageOptions
        {
            ReadOnly = options.ReadOnly,
            Lock = options.ForceShare ? ImageLockMode.None : ImageLockMode.ByAccess,
            AllowBlockDevices = options.AllowBlockDevices,
        });
        return await OpenAsync<TIo>(storage, path, Path.GetDirectoryName(path), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Opens a storage as the top, and its parents; on failure everything is closed again, the storage too.</summary>
    public async ValueTask<Generation> OpenAsync<TIo>(IImageStorage storage, string path, string? folder, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            CheckOptions();
            await OpenTopAsync<TIo>(storage, path, cancellationToken).ConfigureAwait(false);
            if (options.ParentDisk is { } parent)
            {
                // Registered first: from then on it stays read-only if it is. What lies beneath it may be written all the same.
                var image = DiskAsImage.Over(parent);
                _levels.Add(new Level { Image = image, Path = parent.Path, FormatId = DiskAsImage.FormatId, IsMutable = !parent.IsReadOnly || parent.HasMutableParents });
            }
            else
            {
                await OpenParentsAsync<TIo>(new ReferencePolicy(folder, options), cancellationToken).ConfigureAwait(false);
            }

            var generation = new Generation(_levels);
            await VirtualDisk.TellBeneathAsync<TIo>(generation, cancellationToken).ConfigureAwait(false);
            return generation;
        }
        catch
        {
            await VirtualDisk.CloseLevelsAsync<TIo>(_levels).ConfigureAwait(false);
            storage.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Opens what a disk is to get beneath its top in the place of what it has. From a level on that the disk has already in that format, these are its own;
    /// on failure the others are closed again.
    /// </summary>
    /// <param name="own">The levels of the disk.</param>
    /// <param name="parent">The new parent, as the top is going to name it.</param>
    /// <param name="format">The format that it must have; null: any that is allowed.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async ValueTask<IReadOnlyList<Level>> OpenBeneathAsync(IReadOnlyList<Level> own, ParentReference parent, string? format, CancellationToken cancellationToken)
    {
        _own = own;
        _levels.Add(own[0]);
        _identities.Add(own[0].Storage!.Identity);
        try
        {
            CheckOptions();
            await OpenParentsAsync<AsyncIo>(new ReferencePolicy(Path.GetDirectoryName(own[0].Path), options), cancellationToken, parent).ConfigureAwait(false);
            if (format is not null && _levels[1].FormatId != format)
            {
                throw new ImageException(
                    ImageErrorKind.InvalidArgument, $"{Shown(own[0].Path)}: the parent '{Shown(_levels[1].Path)}' is of the format '{_levels[1].FormatId}', not '{format}'.", _levels[1].Path, "open parent");
            }

            var generation = new Generation(_levels);
            for (int depth = _levels.Count - 1; depth > 0; depth--)
            {
                if (!own.Contains(_levels[depth]))
                {
                    await VirtualDisk.TellBeneathAsync<AsyncIo>(generation, depth, cancellationToken).ConfigureAwait(false);
                }
            }

            return _levels[1..];
        }
        catch
        {
            await VirtualDisk.CloseLevelsAsync<AsyncIo>(_levels.Except(own)).ConfigureAwait(false);
            throw;
        }
    }

    private void CheckOptions()
    {
        if (!options.ReadOnly && (options.ForceShare || options.AllowMissingParent))
        {
            string name = options.ForceShare ? nameof(options.ForceShare) : nameof(options.AllowMissingParent);
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{name} needs ReadOnly: writing to such a disk would destroy data.", operation: "open");
        }

        if (options.MaxDepth < 1)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"MaxDepth is {options.MaxDepth}; a disk has at least 1 level.", operation: "open");
        }
    }

    private async ValueTask OpenTopAsync<TIo>(IImageStorage storage, string path, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        string format = options.Format
            ?? (await opener.ProbeAsync<TIo>(storage, cancellationToken).ConfigureAwait(false)).RequireFormat(forWriting: !options.ReadOnly);
        ImageOpenFlags flags = options.Flags & ~(ImageOpenFlags.ReadOnly | ImageOpenFlags.Info);
        flags |= options.ReadOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None;
        flags |= options.ForceShare ? ImageOpenFlags.Shareable : ImageOpenFlags.None;
        var imageOptions = new ImageOpenOptions { Flags = flags, Mode = options.Mode, FormatOptions = options.FormatOptions };
        _levels.Add(await opener.OpenAsync<TIo>(storage, path, format, imageOptions, cancellationToken).ConfigureAwait(false));
        _identities.Add(storage.Identity);
    }

    private async ValueTask OpenParentsAsync<TIo>(ReferencePolicy policy, CancellationToken cancellationToken, ParentReference? first = null)
        where TIo : struct, IIoMode
    {
        while ((first ?? _levels[^1].Image.Parent) is { } parent && !parent.NameBytes.IsEmpty)
        {
            first = null;
            cancellationToken.ThrowIfCancellationRequested();
            Level child = _levels[^1];
            int number = _levels.Count;
            if (number >= options.MaxDepth)
            {
                throw TooDeep(parent, child, number, number + 1);
            }

            (string path, string? root) = policy.Locate(parent, child.Path, number);
            FileStorage? storage = OpenParentFile(parent, child, number, path, root);
            if (storage is null)
            {
                return;
            }

            string format;
            try
            {
                format = await FormatOfAsync<TIo>(parent, child, number, storage, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                storage.Dispose();
                throw;
            }

            if (FindOwn(storage, format) is { } found)
            {
                // What it lies over is open too, and is what the disk reads there.
                storage.Dispose();
                _levels.AddRange(_own.Skip(found));
                if (_levels.Count > options.MaxDepth)
                {
                    throw TooDeep(parent, child, number, _levels.Count);
                }

                return;
            }

            ImageOpenFlags flags = ImageOpenFlags.ReadOnly | (options.ForceShare ? ImageOpenFlags.Shareable : ImageOpenFlags.None) | (options.Flags & ImageOpenFlags.Sequential);
            try
            {
                _levels.Add(await opener.OpenAsync<TIo>(storage, path, format, new ImageOpenOptions { Flags = flags, Mode = options.Mode }, cancellationToken).ConfigureAwait(false));
            }
            catch (ImageException exception)
            {
                throw new ImageException(
                    exception.Kind, $"{Shown(child.Path)}: its parent (level {number}) cannot be opened. {exception.Message}", path, "open parent", exception.OffsetBytes, exception);
            }
        }
    }

    private ImageException TooDeep(ParentReference parent, Level child, int number, int levels) => ReferencePolicy.Refused(
        child.Path, number, DisplayText.Escape(parent.NameBytes), $"would make a chain of {levels} levels, which may have {options.MaxDepth}. Allow more with MaxDepth, or merge some levels.");

    private int? FindOwn(FileStorage storage, string format)
    {
        for (int depth = 1; depth < _own.Count; depth++)
        {
            if (_own[depth].FormatId == format && _own[depth].Storage?.Identity == storage.Identity)
            {
                return depth;
            }
        }

        return null;
    }

    /// <summary>Opens the parent's file, or returns null when it is missing and may be. A file that is in the chain already is a cycle.</summary>
    private FileStorage? OpenParentFile(ParentReference parent, Level child, int number, string path, string? root)
    {
        string shown = DisplayText.Escape(parent.NameBytes);
        var fileOptions = new FileStorageOptions { ReadOnly = true, Lock = options.ForceShare ? ImageLockMode.None : ImageLockMode.Read, BeneathRoot = root };
        FileStorage storage;
        try
        {
            storage = FileStorage.Open(path, fileOptions);
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.NotFound)
        {
            if (options.AllowMissingParent)
            {
                opener.Logger.LogWarning("{Path}: the parent {Parent} is missing; what it held reads as zero", Shown(child.Path), Shown(path));
                return null;
            }

            throw new ImageException(
                ImageErrorKind.NotFound,
                $"{Shown(child.Path)}: its parent '{shown}' (level {number}) does not exist; tried '{Shown(path)}'. Bring the file back, or open read-only with AllowMissingParent to see what is left.",
                path,
                "open parent",
                innerException: exception);
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.RefusedByPolicy)
        {
            bool leavesRoot = exception.InnerException?.HResult == Errno.EXDEV;
            string hint = leavesRoot ? " A link leads out: store the name of the file that it leads to, or trust the images with Trust (--trusted)." : "";
            throw ReferencePolicy.Refused(child.Path, number, shown, $"was refused: {exception.Message}{hint}", exception);
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.InUse)
        {
            // The holder may be this very chain: its top is open for writing.
            ThrowIfCycle(shown, child, number, path, fileOptions);
            throw new ImageException(
                ImageErrorKind.InUse, $"{Shown(child.Path)}: its parent '{shown}' (level {number}) is in use. {exception.Message}", path, "open parent", innerException: exception);
        }

        if (!_identities.Add(storage.Identity))
        {
            storage.Dispose();
            throw Cycle(shown, child, number, path);
        }

        return storage;
    }

    private void ThrowIfCycle(string shown, Level child, int number, string path, FileStorageOptions fileOptions)
    {
        using FileStorage unlocked = FileStorage.Open(path, fileOptions with { Lock = ImageLockMode.None });
        if (_identities.Contains(unlocked.Identity))
        {
            throw Cycle(shown, child, number, path);
        }
    }

    private static ImageException Cycle(string shown, Level child, int number, string path) =>
        new(
            ImageErrorKind.Corrupt,
            $"{Shown(child.Path)}: the chain is a cycle: its parent '{shown}' (level {number}, '{Shown(path)}') is a level above. Give the image the parent that it was made on.",
            path,
            "open parent");

    /// <summary>Marked raw is raw. Else a backend must be certain and allowed; "raw" only where the caller lists it.</summary>
    private async ValueTask<string> FormatOfAsync<TIo>(ParentReference parent, Level child, int number, FileStorage storage, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (parent.IsRaw)
        {
            return ParentReference.Raw;
        }

        string shown = DisplayText.Escape(parent.NameBytes);
        string? format = parent.FormatId;
        if (format is null)
        {
            ProbeReport report = await opener.ProbeAsync<TIo>(storage, cancellationToken).ConfigureAwait(false);
            format = report.BestForWriting?.FormatId
                ?? (report.Best is { } possible && options.AllowedParentFormats.Contains(possible.FormatId) ? possible.FormatId : null);
            if (format is null)
            {
                string advice = report.NamedFormat is { Kind: NamedFormatKind.Container } foreign
                    ? $"It is {foreign.Id} ({foreign.DisplayName}), and there is no backend for that. Convert it with another tool, or add a plugin for it."
                    : "If it is raw, allow \"raw\" with AllowedParentFormats, or mark it in the image.";
                throw ReferencePolicy.Refused(
                    child.Path, number, shown,
                    $"is not marked as raw, and is no image of an allowed format ({string.Join(", ", options.AllowedParentFormats)}) with certainty. {advice}");
            }
        }

        if (!options.AllowedParentFormats.Contains(format))
        {
            throw ReferencePolicy.Refused(
                child.Path, number, shown, $"is of the format '{format}', and only {string.Join(", ", options.AllowedParentFormats)} may be a parent here. Allow it with AllowedParentFormats.");
        }

        return format;
    }

    private static string Shown(string path) => DisplayText.Escape(path);
}
