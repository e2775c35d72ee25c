namespace QedVd.Host;

/// <content>What an image would need.</content>
public sealed partial class DiskHost
{
    /// <summary>Works out how large an image would become into which a disk is converted. Reads tables and maps, no data.</summary>
    /// <param name="sourcePath">The top image of the disk.</param>
    /// <param name="options">What image.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.NotSupported"/> for a format that cannot tell.</exception>
    public async ValueTask<ImageMeasurement> MeasureAsync(string sourcePath, MeasureOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        VirtualDisk disk = await OpenDiskAsync(sourcePath, ForCopying(options.Source), cancellationToken).ConfigureAwait(false);
        await using (disk.ConfigureAwait(false))
        {
            return await MeasureAsync(disk, options, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Works out how large an image would become into which an open disk is converted as it is now.</summary>
    /// <inheritdoc cref="MeasureAsync(string, MeasureOptions, CancellationToken)"/>
    public async ValueTask<ImageMeasurement> MeasureAsync(VirtualDisk source, MeasureOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        ThrowIfDisposed();
        if (options.ParentPath is not { } parentPath)
        {
            var alone = new ImageCreateOptions { VirtualSizeBytes = source.LengthBytes, FormatOptions = options.FormatOptions };
            return await MeasureAsync(source, null, options.TargetFormat, alone, cancellationToken).ConfigureAwait(false);
        }

        // As if it were made beside its parent.
        string beside = Path.Combine(Path.GetDirectoryName(HostPath.GetFull(parentPath))!, "-");
        ParentPlan parent = await OpenParentPlanAsync(beside, parentPath, options.ParentFormat, options.Source, cancellationToken).ConfigureAwait(false);
        await using (parent.ConfigureAwait(false))
        {
            var create = new ImageCreateOptions { VirtualSizeBytes = source.LengthBytes, Parent = parent.Name, FormatOptions = options.FormatOptions };
            return await MeasureAsync(source, parent.Disk, options.TargetFormat, create, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Works out how large an empty image of a size would be, and how large one that is full.</summary>
    public ValueTask<ImageMeasurement> MeasureAsync(long sizeBytes, MeasureOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ThrowIfDisposed();
        cancellationToken.ThrowIfCancellationRequested();
        using BackendLease lease = Backends.Lease(Backends.Get(options.TargetFormat));
        ImageMeter meter = lease.Backend.CreateMeter(new ImageCreateOptions { VirtualSizeBytes = sizeBytes, FormatOptions = options.FormatOptions });
        return new ValueTask<ImageMeasurement>(Read(meter));
    }

    private async ValueTask<ImageMeasurement> MeasureAsync(VirtualDisk source, VirtualDisk? beneath, string format, ImageCreateOptions create, CancellationToken cancellationToken)
    {
        using BackendLease lease = Backends.Lease(Backends.Get(format));
        ImageMeter meter = lease.Backend.CreateMeter(create);
        await FillAsync(meter, source, beneath, cancellationToken).ConfigureAwait(false);
        return Read(meter);
    }

    private static async ValueTask FillAsync(ImageMeter meter, VirtualDisk source, VirtualDisk? beneath, CancellationToken cancellationToken)
    {
        await foreach (CopyPiece run in new CopyPlan(source, beneath, int.MaxValue, writesZeros: false).RunsAsync(cancellationToken).ConfigureAwait(false))
        {
            meter.Add(run.OffsetBytes, run.LengthBytes, run.Action == CopyAction.Zero ? ExtentKind.Zero : ExtentKind.Data);
        }
    }

    private static ImageMeasurement Read(ImageMeter meter) => new(meter.RequiredBytes, meter.FullyAllocatedBytes) { AllocatedBytes = meter.AllocatedBytes };

    /// <summary>Throws when the volume of a new image seems too small for it. Goes through the source's map only when a full image would not fit.</summary>
    private async ValueTask RequireRoomAsync(string path, VirtualDisk source, VirtualDisk? beneath, string format, ImageCreateOptions create, bool isWhole, CancellationToken cancellationToken)
    {
        if (VolumeRoom.FindAvailableBytes(path) is not { } available)
        {
            return;
        }

        using BackendLease lease = Backends.Lease(Backends.Get(format));
        ImageMeter meter;
        try
        {
            meter = lease.Backend.CreateMeter(create);
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.NotSupported)
        {
            meter = new DataMeter(source.LengthBytes);
        }

        if (available >= meter.FullyAllocatedBytes)
        {
            return;
        }

        if (!isWhole)
        {
            await FillAsync(meter, source, beneath, cancellationToken).ConfigureAwait(false);
        }

        VolumeRoom.Require(path, isWhole ? meter.FullyAllocatedBytes : meter.AllocatedBytes, "convert");
    }
}
