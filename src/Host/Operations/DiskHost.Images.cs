namespace QedVd.Host;

/// <content>Looking at single images, and at the levels of a chain.</content>
public sealed partial class DiskHost
{
    /// <summary>Opens one image read-only and none of its parents: for dumps, checks and information.</summary>
    public async ValueTask<OpenedImage> OpenImageAsync(string path, ImageOpenRequest? request = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return new OpenedImage(await OpenLevelAsync(HostPath.GetFull(path), request ?? new ImageOpenRequest(), cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Describes one image; what it names is reported, never opened.</summary>
    public async ValueTask<ImageDescription> DescribeImageAsync(string path, ImageOpenRequest? request = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        var opened = new OpenedImage(await OpenLevelAsync(HostPath.GetFull(path), request ?? new ImageOpenRequest(), cancellationToken).ConfigureAwait(false));
        await using (opened.ConfigureAwait(false))
        {
            return opened.Describe();
        }
    }

    /// <summary>Describes an image and its parents, top first, under the reference policy of <paramref name="options"/>; always read-only.</summary>
    public async ValueTask<IReadOnlyList<ImageDescription>> DescribeChainAsync(string path, DiskOpenOptions? options = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        options = (options ?? new DiskOpenOptions()) with { ReadOnly = true };
        Generation generation = await new ChainOpener(_opener, options).OpenAsync<AsyncIo>(HostPath.GetFull(path), cancellationToken).ConfigureAwait(false);
        try
        {
            return [.. generation.Levels.Select(level => level.DescribeImage())];
        }
        finally
        {
            await VirtualDisk.CloseLevelsAsync<AsyncIo>(generation.Levels).ConfigureAwait(false);
        }
    }

    /// <summary>Checks one image, and repairs it when <paramref name="check"/> asks for it; parents are never opened.</summary>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.NotSupported"/> for a format that has nothing to check.</exception>
    public async ValueTask<CheckReport> CheckAsync(
        string path, CheckOptions? check = null, ImageOpenRequest? request = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        check ??= new CheckOptions();
        request ??= new ImageOpenRequest();
        bool isRepair = check.Repair != RepairMode.None && !check.DryRun;
        if (isRepair && request.ForceShare)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, "ForceShare cannot go with a repair: another program may be writing the image.", path, "check");
        }

        string full = HostPath.GetFull(path);
        using FileStorage storage = FileStorage.Open(full, new FileStorageOptions
        {
            ReadOnly = !isRepair,
            Lock = request.ForceShare ? ImageLockMode.None : ImageLockMode.ByAccess,
        });
        string format = request.Format ?? (await _opener.ProbeAsync<AsyncIo>(storage, cancellationToken).ConfigureAwait(false)).RequireFormat(forWriting: isRepair);
        using BackendLease lease = Backends.Lease(Backends.Get(format));
        CheckReport report = await lease.Backend.CheckAsync(storage, check, progress, cancellationToken).ConfigureAwait(false);
        if (isRepair && report.IsSound)
        {
            storage.ForgetEarlierFence();
        }

        return report;
    }

    private async ValueTask<Level> OpenLevelAsync(string path, ImageOpenRequest request, CancellationToken cancellationToken)
    {
        FileStorage storage = FileStorage.Open(path, new FileStorageOptions
        {
            ReadOnly = true,
            Lock = request.ForceShare ? ImageLockMode.None : request.ForContent ? ImageLockMode.Read : ImageLockMode.Info,
        });
        string format;
        try
        {
            format = request.Format ?? (await _opener.ProbeAsync<AsyncIo>(storage, cancellationToken).ConfigureAwait(false)).RequireFormat(forWriting: false);
        }
        catch
        {
            storage.Dispose();
            throw;
        }

        ImageOpenFlags flags = ImageOpenFlags.ReadOnly | (request.ForContent ? ImageOpenFlags.None : ImageOpenFlags.Info);
        flags |= request.ForceShare ? ImageOpenFlags.Shareable : ImageOpenFlags.None;
        return await _opener.OpenAsync<AsyncIo>(storage, path, format, new ImageOpenOptions { Flags = flags }, cancellationToken).ConfigureAwait(false);
    }
}
