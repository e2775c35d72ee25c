namespace QedVd.Host;

/// <summary>
/// What the catalogue hands out: the backend, with its description fixed and its answers checked. It lets go of the backend when the plugin is
/// unloaded, so that a reference that someone kept does not keep the plugin's code in memory.
/// </summary>
internal sealed class RegisteredBackend(IImageBackend inner, BackendInfo info, string? pluginName) : IImageBackend
{
    private volatile IImageBackend? _inner = inner;
    private volatile PluginWork? _hanging;

    public BackendInfo Info => info;

    /// <summary>The plugin that it came from; null when the program registered it.</summary>
    public string? PluginName => pluginName;

    /// <summary>Whether it is from a plugin that the program has brought along.</summary>
    public bool IsOwn { get; init; }

    public string Title => pluginName is null ? $"backend '{info.Id}'" : $"backend '{info.Id}' of plugin '{pluginName}'";

    private IImageBackend Inner => _inner ?? throw Gone();

    public void LetGo()
    {
        _inner = null;
        _hanging = null;
    }

    /// <summary>A probe does not come back. The backend is not asked again before it does; as one is asked at a time, at most one thread hangs in it.</summary>
    /// <remarks>A later one that was given up before it was refused does not hang in the backend, so the first stays the one that is waited for.</remarks>
    public void GiveUp(PluginWork probe)
    {
        if (_hanging is not { HasReturned: false })
        {
            _hanging = probe;
        }
    }

    public ImageException Gone() => new(ImageErrorKind.NotSupported, $"The {Title} was unloaded. Load the plugin again, and ask the catalogue for the backend anew.");

    public ProbeResult Probe(in ProbeInput input)
    {
        if (_hanging is { HasReturned: false })
        {
            throw new ImageException(ImageErrorKind.BackendFault, $"The {Title} has still not answered an earlier probe. This is a mistake in the backend; report it to its author.", input.FileName, "probe");
        }

        _hanging = null;
        ProbeResult result;
        try
        {
            result = Inner.Probe(input);
        }
        catch (Exception exception) when (BackendFault.Is(exception))
        {
            throw BackendFault.Create(Title, input.FileName, "probing", null, exception);
        }

        if ((uint)result.Confidence > (uint)ProbeConfidence.Certain)
        {
            throw new ImageException(ImageErrorKind.BackendFault, $"The {Title} answered a probe with confidence {(int)result.Confidence}, which the contract does not know.", input.FileName, "probe");
        }

        return result with { Reason = PluginText.OneLine(result.Reason) };
    }

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        IDiskImage? image;
        try
        {
            image = Inner.Open(storage, options);
        }
        catch (Exception exception) when (BackendFault.Is(exception))
        {
            throw BackendFault.Create(Title, storage.Name, "opening", null, exception);
        }

        try
        {
            return Checked(image, storage, options);
        }
        catch
        {
            Discard(image);
            throw;
        }
    }

    public async ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        IDiskImage? image;
        try
        {
            image = await Inner.OpenAsync(storage, options, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (BackendFault.Is(exception, cancellationToken))
        {
            throw BackendFault.Create(Title, storage.Name, "opening", null, exception);
        }

        try
        {
            return Checked(image, storage, options);
        }
        catch
        {
            await DiscardAsync(image).ConfigureAwait(false);
            throw;
        }
    }

    public void Create(IImageStorage storage, ImageCreateOptions options)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            Inner.Create(storage, options);
        }
        catch (Exception exception) when (BackendFault.Is(exception))
        {
            throw BackendFault.Create(Title, storage.Name, "creating", null, exception);
        }
    }

    public async ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            await Inner.CreateAsync(storage, options, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (BackendFault.Is(exception, cancellationToken))
        {
            throw BackendFault.Create(Title, storage.Name, "creating", null, exception);
        }
    }

    public async ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        CheckReport? report;
        try
        {
            report = await Inner.CheckAsync(storage, options, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (BackendFault.Is(exception, cancellationToken))
        {
            throw BackendFault.Create(Title, storage.Name, "checking", null, exception);
        }

        if (report?.Findings is null || report.Repairs is null
            || (report.Corruptions | report.Leaks | report.CheckErrors | report.CorruptionsFixed | report.LeaksFixed
                | report.TotalClusters | report.AllocatedClusters | report.ZeroClusters | report.FragmentedClusters | report.ImageEndOffset) < 0)
        {
            throw new ImageException(ImageErrorKind.BackendFault, $"{storage.Name}: the {Title} gave a check report without findings or with a negative count. Do not rely on it; report this to its author.", storage.Name, "check");
        }

        return report;
    }

    public ImageMeter CreateMeter(ImageCreateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            return Inner.CreateMeter(options)
                ?? throw new ImageException(ImageErrorKind.BackendFault, $"The {Title} returned no meter. This is a mistake in the backend; report it to its author.", operation: "measure");
        }
        catch (Exception exception) when (BackendFault.Is(exception))
        {
            throw BackendFault.Create(Title, null, "measuring", null, exception);
        }
    }

    private IDiskImage Checked(IDiskImage? image, IImageStorage storage, ImageOpenOptions options)
    {
        if (image is null)
        {
            throw new ImageException(ImageErrorKind.BackendFault, $"{storage.Name}: the {Title} opened it and returned no image.", storage.Name, "open");
        }

        try
        {
            BackendResults.CheckImage(image, options.Flags);
        }
        catch (Exception exception) when (BackendFault.Is(exception))
        {
            throw BackendFault.Create(Title, storage.Name, "opening", null, exception);
        }

        return image;
    }

    // What was wrong with the image matters more than how its end went.
    private static void Discard(IDiskImage? image)
    {
        try
        {
            image?.Dispose();
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // It is refused already.
        }
    }

    private static async ValueTask DiscardAsync(IDiskImage? image)
    {
        try
        {
            if (image is not null)
            {
                await image.DisposeAsync().ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // It is refused already.
        }
    }
}
