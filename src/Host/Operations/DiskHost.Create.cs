using System.Globalization;

namespace QedVd.Host;

/// <content>Creating images and overlays.</content>
public sealed partial class DiskHost
{
    private const string DefaultOverlayFormat = "qed";
    private const string ClusterSizeOption = "cluster_size";

    /// <summary>Creates an image. A crash leaves no file or a complete one; an error leaves none, or says that the image is there and only could not be read back.</summary>
    /// <returns>The new image, described.</returns>
    public async ValueTask<ImageDescription> CreateImageAsync(string path, string formatId, CreateDiskOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(formatId);
        ArgumentNullException.ThrowIfNull(options);
        ThrowIfDisposed();
        string full = HostPath.GetFull(path);
        long? sizeBytes = options.VirtualSizeBytes;
        ParentReference? parent = null;
        if (options.ParentName is { } name)
        {
            parent = ParentToRecord(name, options.ParentFormat);
            if (!options.DoNotOpenParent)
            {
                sizeBytes = await LookAtParentAsync(full, parent, options, cancellationToken).ConfigureAwait(false);
            }
        }

        if (sizeBytes is not { } virtualSizeBytes)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(full)}: no size was given, and there is no parent to take it from. Give a size.", full, "create");
        }

        var create = new ImageCreateOptions { VirtualSizeBytes = virtualSizeBytes, Parent = parent, FormatOptions = options.FormatOptions };
        using (PendingFile file = await CreateFileAsync(full, formatId, create, options.Overwrite, cancellationToken).ConfigureAwait(false))
        {
            await file.PublishAsync(cancellationToken).ConfigureAwait(false);
        }

        try
        {
            return await DescribeImageAsync(full, new ImageOpenRequest { Format = formatId }, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            throw new ImageException(
                exception.Kind, $"{DisplayText.Escape(full)}: the image was created, and could not be read back: {exception.Message}", full, "create", innerException: exception);
        }
    }

    /// <summary>
    /// Creates an overlay on a closed image: the parent's name is recorded relative to the overlay where both lie on one volume, with the raw mark
    /// when the parent is raw. For a disk in use see <see cref="VirtualDisk.SnapshotAsync"/>.
    /// </summary>
    /// <returns>The overlay, described.</returns>
    public async ValueTask<ImageDescription> CreateOverlayAsync(string parentPath, string overlayPath, CreateOverlayOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new CreateOverlayOptions();
        ThrowIfDisposed();
        string parentFull = HostPath.GetFull(parentPath);
        string full = HostPath.GetFull(overlayPath);
        string parentFormat = options.ParentFormat ?? (await ProbeAsync(parentFull, cancellationToken).ConfigureAwait(false)).RequireFormat(forWriting: true);
        string format = options.FormatId ?? OverlayFormatFor(parentFormat);
        IReadOnlyDictionary<string, string> formatOptions = options.FormatOptions;
        if (TakesBlockSizeOf(format, parentFormat, formatOptions))
        {
            ImageDescription parent = await DescribeImageAsync(parentFull, new ImageOpenRequest { Format = parentFormat }, cancellationToken).ConfigureAwait(false);
            formatOptions = BlockSizeOption(parent.BlockBytes);
        }

        return await CreateImageAsync(
            full,
            format,
            new CreateDiskOptions
            {
                VirtualSizeBytes = options.VirtualSizeBytes,
                ParentName = RelativeName.Of(parentFull, full, options.AbsoluteParentName),
                ParentFormat = parentFormat,
                Overwrite = options.Overwrite,
                FormatOptions = formatOptions,
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether an overlay gets blocks as large as its parent's, so that copying up moves whole blocks.</summary>
    internal bool TakesBlockSizeOf(string format, string parentFormat, IReadOnlyDictionary<string, string> given) =>
        given.Count == 0 && format == parentFormat && Backends.Find(format) is { } backend && backend.Info.Options.Any(option => option.Name == ClusterSizeOption);

    internal static IReadOnlyDictionary<string, string> BlockSizeOption(int blockBytes) =>
        new Dictionary<string, string> { [ClusterSizeOption] = blockBytes.ToString(CultureInfo.InvariantCulture) };

    /// <summary>The format of an overlay over a parent of this format.</summary>
    internal string OverlayFormatFor(string parentFormat) =>
        Backends.Find(parentFormat) is { } backend && backend.Info.Capabilities.HasFlag(ImageCapabilities.Differencing) ? parentFormat : DefaultOverlayFormat;

    /// <summary>What an image stores of its parent. Raw is always marked, so that nobody ever probes it.</summary>
    internal static ParentReference ParentToRecord(string name, string? formatId) => new(name, formatId == ParentReference.Raw ? formatId : null);

    /// <summary>Makes the file of a new image, complete but without its name. The caller publishes it, or disposes it and nothing is left.</summary>
    internal async ValueTask<PendingFile> CreateFileAsync(string path, string formatId, ImageCreateOptions create, bool overwrite, CancellationToken cancellationToken)
    {
        using BackendLease lease = Backends.Lease(Backends.Get(formatId));
        PendingFile file = PendingFile.Create(path, new PendingFileOptions { Overwrite = overwrite });
        try
        {
            await lease.Backend.CreateAsync(file.Storage, create, cancellationToken).ConfigureAwait(false);
            return file;
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Throws when a file that would be overwritten is one that the operation itself needs.</summary>
    internal static void ThrowIfInUseByThis(string path, IReadOnlyCollection<StorageIdentity> used, string operation)
    {
        StorageIdentity identity;
        try
        {
            using FileStorage existing = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });
            identity = existing.Identity;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.NotFound)
        {
            return;
        }

        if (used.Contains(identity))
        {
            throw BelongsToChain(path, operation);
        }
    }

    internal static ImageException BelongsToChain(string path, string operation) =>
        new(ImageErrorKind.InUse, $"{DisplayText.Escape(path)}: this file belongs to the chain of the disk, and cannot be overwritten. Choose another name.", path, operation);

    private async ValueTask<long> LookAtParentAsync(string path, ParentReference parent, CreateDiskOptions options, CancellationToken cancellationToken)
    {
        string shown = DisplayText.Escape(parent.NameBytes);
        if (options.ParentFormat is not { } format)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(path)}: the format of the parent '{shown}' must be given (-F).", path, "create");
        }

        if (ParentName.GetPlain(parent, out string reason) is not { } name)
        {
            throw ReferencePolicy.Refused(path, 1, shown, $"{reason}.");
        }

        string parentPath = ParentName.Resolve(name, Path.GetDirectoryName(path)!);
        long sizeBytes;
        try
        {
            Level level = await OpenLevelAsync(parentPath, new ImageOpenRequest { Format = format }, cancellationToken).ConfigureAwait(false);
            var opened = new OpenedImage(level);
            await using (opened.ConfigureAwait(false))
            {
                sizeBytes = options.VirtualSizeBytes ?? level.Image.VirtualSizeBytes;
            }
        }
        catch (ImageException exception)
        {
            throw new ImageException(
                exception.Kind, $"{DisplayText.Escape(path)}: its parent '{shown}' cannot be used (looked at '{DisplayText.Escape(parentPath)}'): {exception.Message}", parentPath, "create", innerException: exception);
        }

        if (options.Overwrite && File.Exists(path))
        {
            await ThrowIfBeneathAsync(path, parentPath, format, cancellationToken).ConfigureAwait(false);
        }

        return sizeBytes;
    }

    /// <summary>Throws when a file that would be overwritten is the parent, or lies anywhere beneath it: the new image would need what it replaces.</summary>
    private async ValueTask ThrowIfBeneathAsync(string path, string parentPath, string format, CancellationToken cancellationToken)
    {
        var open = new DiskOpenOptions
        {
            Format = format,
            ReadOnly = true,
            ForceShare = true,
            AllowMissingParent = true,
            AllowedRoots = [Path.GetDirectoryName(path)!],
            AllowedParentFormats = [.. Backends.Backends.Select(backend => backend.Info.Id)],
        };
        IReadOnlyList<ImageDescription> chain;
        try
        {
            chain = await DescribeChainAsync(parentPath, open, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            // What cannot be told is not overwritten.
            throw new ImageException(
                exception.Kind,
                $"{DisplayText.Escape(path)}: whether the new image would need the file that it replaces cannot be told, because its parent's chain does not open: {exception.Message} Or choose another name.",
                path,
                "create",
                innerException: exception);
        }

        foreach (ImageDescription level in chain)
        {
            using FileStorage file = FileStorage.Open(level.Path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });
            ThrowIfInUseByThis(path, [file.Identity], "create");
        }
    }
}
