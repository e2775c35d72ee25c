namespace QedVd.Host;

/// <content>Converting.</content>
public sealed partial class DiskHost
{
    /// <summary>
    /// Copies what a disk reads into a new image, or into one that exists; holes and zeros stay holes. Of a new image cancelling or failing leaves nothing
    /// behind; it gets its name when it is complete, and durable (<see cref="ConvertOptions.TargetMode"/>).
    /// </summary>
    /// <param name="source">The top image of the disk to read.</param>
    /// <param name="target">The target's file; never one of the source's chain.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how far it is, in bytes of the disk.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    public async ValueTask<OperationResult> ConvertAsync(
        string source, string target, ConvertOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        VirtualDisk disk = await OpenDiskAsync(source, ForCopying(options.Source), cancellationToken).ConfigureAwait(false);
        await using (disk.ConfigureAwait(false))
        {
            return await ConvertAsync(disk, target, options, progress, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Copies what an open disk reads now. What is written to the disk meanwhile may be in the copy or not.</summary>
    /// <inheritdoc cref="ConvertAsync(string, string, ConvertOptions, IProgress{OperationProgress}, CancellationToken)"/>
    public async ValueTask<OperationResult> ConvertAsync(
        VirtualDisk source, string target, ConvertOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.ZeroBlockBytes, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxBytesPerSecond, nameof(options));
        if (options.Workers is < 1 or > DiskCopier.MaxWorkers)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Workers, $"Workers: 1 to {DiskCopier.MaxWorkers}.");
        }

        ThrowIfDisposed();
        string full = HostPath.GetFull(target);
        if (options.IntoExisting)
        {
            return await ConvertIntoAsync(source, full, options, progress, cancellationToken).ConfigureAwait(false);
        }

        if (options.TargetFormat is null)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(full)}: the format of the new image must be given (TargetFormat, -O).", full, "convert");
        }

        if (options.ParentPath is null)
        {
            return await ConvertAnewAsync(source, full, null, options, progress, cancellationToken).ConfigureAwait(false);
        }

        ParentPlan parent = await OpenParentPlanAsync(full, options.ParentPath, options.ParentFormat, options.Source, cancellationToken).ConfigureAwait(false);
        await using (parent.ConfigureAwait(false))
        {
            return await ConvertAnewAsync(source, full, parent, options, progress, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<OperationResult> ConvertAnewAsync(
        VirtualDisk source, string path, ParentPlan? parent, ConvertOptions options, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        string format = options.TargetFormat!;
        if (options.Overwrite)
        {
            ThrowIfInUseByThis(path, [.. source.Identities, .. parent?.Disk.Identities ?? []], "convert");
        }

        var create = new ImageCreateOptions { VirtualSizeBytes = source.LengthBytes, Parent = parent?.Name, FormatOptions = options.FormatOptions };
        if (!options.SkipSpaceCheck)
        {
            await RequireRoomAsync(path, source, parent?.Disk, format, create, options.ZeroBlockBytes == 0 && parent is null, cancellationToken).ConfigureAwait(false);
        }

        PendingFile file = await CreateFileAsync(path, format, create, options.Overwrite, cancellationToken).ConfigureAwait(false);
        await using (file.ConfigureAwait(false))
        {
            bool isDurable = options.TargetMode != ConsistencyMode.Unsafe;
            var barriers = new EarlyBarriers(isDurable ? file.Storage : null);
            OperationResult result = default;
            await barriers.WhileAsync(async () =>
            {
                // What equals the parent is left out here already.
                VirtualDisk copy = await OpenNewAsync(file, format, parent?.Disk, parent is null ? ImageOpenFlags.None : ImageOpenFlags.HonorSame, cancellationToken).ConfigureAwait(false);
                await using (copy.ConfigureAwait(false))
                {
                    using var limiter = new RateLimiter(options.MaxBytesPerSecond, _opener.Time);
                    var copier = new DiskCopier(source, copy, progress)
                    {
                        Beneath = parent?.Disk,
                        ZeroBlockBytes = options.ZeroBlockBytes,
                        CopiesAll = options.ZeroBlockBytes == 0 && parent is null,
                        Workers = options.Workers ?? DiskCopier.DefaultWorkers,
                        Limiter = options.MaxBytesPerSecond > 0 ? limiter : null,
                        ShareInto = file.Storage,
                        Written = barriers.Note,
                    };
                    result = await copier.RunAsync(cancellationToken).ConfigureAwait(false);
                    progress?.Report(new OperationProgress(result.DiskBytes, result.DiskBytes, isDurable ? "making durable" : "closing"));
                    await copy.CloseAsync().ConfigureAwait(false);
                }
            }).ConfigureAwait(false);
            await file.PublishAsync(isDurable, cancellationToken).ConfigureAwait(false);
            return result;
        }
    }

    /// <summary>Opens the image in a file that has no name yet, over its parent. No barriers: the file gets its name when all of it is durable.</summary>
    internal async ValueTask<VirtualDisk> OpenNewAsync(PendingFile file, string format, VirtualDisk? parent, ImageOpenFlags flags, CancellationToken cancellationToken)
    {
        var options = new ImageOpenOptions { Mode = ConsistencyMode.Unsafe, Flags = flags };
        List<Level> levels = [await _opener.OpenAsync<AsyncIo>(new KeptOpenStorage(file.Storage), file.Path, format, options, cancellationToken).ConfigureAwait(false)];
        try
        {
            if (parent is not null)
            {
                levels.Add(new Level { Image = DiskAsImage.Over(parent), Path = parent.Path, FormatId = DiskAsImage.FormatId });
            }

            var generation = new Generation(levels);
            await VirtualDisk.TellBeneathAsync<AsyncIo>(generation, cancellationToken).ConfigureAwait(false);
            return NewDisk(generation, new DiskOpenOptions());
        }
        catch
        {
            await VirtualDisk.CloseLevelsAsync<AsyncIo>(levels).ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask<OperationResult> ConvertIntoAsync(
        VirtualDisk source, string path, ConvertOptions options, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        if (options.ParentPath is not null || options.FormatOptions.Count > 0)
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(path)}: the image exists, and keeps its parent and its layout: leave {(options.ParentPath is null ? "FormatOptions (-o)" : "ParentPath (-B)")} out.", path, "convert");
        }

        ThrowIfInUseByThis(path, source.Identities, "convert");
        VirtualDisk target = await OpenDiskAsync(path, ForWritingBeside(options.Source, options.TargetFormat) with { Mode = options.TargetMode }, cancellationToken).ConfigureAwait(false);
        await using (target.ConfigureAwait(false))
        {
            if (target.LengthBytes < source.LengthBytes)
            {
                throw new ImageException(
                    ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(path)}: the disk has {target.LengthBytes} bytes, and the source {source.LengthBytes}. Resize the target first.", path, "convert");
            }

            if (!options.SkipSpaceCheck)
            {
                await RequireRoomInsideAsync(path, source, target, options.ZeroBlockBytes == 0, cancellationToken).ConfigureAwait(false);
            }

            using var limiter = new RateLimiter(options.MaxBytesPerSecond, _opener.Time);
            var copier = new DiskCopier(source, target, progress)
            {
                ZeroBlockBytes = options.ZeroBlockBytes,
                CopiesAll = options.ZeroBlockBytes == 0,
                WritesZeros = true,
                Workers = options.Workers ?? DiskCopier.DefaultWorkers,
                Limiter = options.MaxBytesPerSecond > 0 ? limiter : null,
            };
            OperationResult result = await copier.RunAsync(cancellationToken).ConfigureAwait(false);
            progress?.Report(new OperationProgress(result.DiskBytes, result.DiskBytes, "making durable"));
            await target.FlushAsync(cancellationToken).ConfigureAwait(false);
            await target.CloseAsync().ConfigureAwait(false);
            return result;
        }
    }

    // What the target has a place for already takes no more room.
    private static async ValueTask RequireRoomInsideAsync(string path, VirtualDisk source, VirtualDisk target, bool isWhole, CancellationToken cancellationToken)
    {
        if (VolumeRoom.FindAvailableBytes(path) is not { } available || available >= source.LengthBytes)
        {
            return;
        }

        long needed = 0;
        var from = new ExtentCursor(source, cancellationToken);
        await using (from.ConfigureAwait(false))
        {
            var into = new ExtentCursor(target, cancellationToken);
            await using (into.ConfigureAwait(false))
            {
                for (long offset = 0; offset < source.LengthBytes;)
                {
                    (DiskExtent wanted, DiskExtent held) = await ExtentCursor.FindBothAsync(from, into, offset).ConfigureAwait(false);
                    long end = Math.Min(source.LengthBytes, Math.Min(wanted.EndBytes, held.EndBytes));
                    needed += (wanted.ReadsZero && !isWhole) || (held is { Depth: 0, Kind: ExtentKind.Data }) ? 0 : end - offset;
                    offset = end;
                }
            }
        }

        VolumeRoom.Require(path, needed, "convert");
    }

    /// <summary>Opens the parent that a new image is to have. The caller closes it.</summary>
    private async ValueTask<ParentPlan> OpenParentPlanAsync(string imagePath, string parentPath, string? format, DiskOpenOptions like, CancellationToken cancellationToken)
    {
        string full = HostPath.GetFull(parentPath);
        format ??= (await ProbeAsync(full, cancellationToken).ConfigureAwait(false)).RequireFormat(forWriting: true);
        DiskOpenOptions options = ForCopying(like) with { Format = format, ParentDisk = null, FormatOptions = new Dictionary<string, string>() };
        VirtualDisk disk = await OpenDiskAsync(full, options, cancellationToken).ConfigureAwait(false);
        return new ParentPlan(disk, ParentToRecord(RelativeName.Of(full, imagePath, isAbsoluteWanted: false), format));
    }

    private static DiskOpenOptions ForCopying(DiskOpenOptions options) => options with { ReadOnly = true, Flags = options.Flags | ImageOpenFlags.Sequential };

    /// <summary>A writable disk whose parents are trusted as those of another.</summary>
    private static DiskOpenOptions ForWritingBeside(DiskOpenOptions other, string? format) => new()
    {
        Format = format,
        Trust = other.Trust,
        AllowedRoots = other.AllowedRoots,
        AllowedParentFormats = other.AllowedParentFormats,
        MaxDepth = other.MaxDepth,
        AllowBlockDevices = other.AllowBlockDevices,
    };
}
