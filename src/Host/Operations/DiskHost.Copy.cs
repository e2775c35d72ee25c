namespace QedVd.Host;

/// <content>Converting and comparing.</content>
public sealed partial class DiskHost
{
    /// <summary>Copies what a disk reads into a new image without a parent; holes and zeros stay holes. Cancelling or failing leaves nothing behind.</summary>
    /// <param name="source">The top image of the disk to read.</param>
    /// <param name="target">The new image; never a file of the source's chain.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how far it is, in bytes of the disk.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    public async ValueTask<OperationResult> ConvertAsync(
        string source, string target, ConvertOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.ZeroBlockBytes, nameof(options));
        VirtualDisk disk = await OpenDiskAsync(source, ForCopying(options.Source), cancellationToken).ConfigureAwait(false);
        await using (disk.ConfigureAwait(false))
        {
            return await ConvertAsync(disk, target, options, progress, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Copies what an open disk reads now into a new image without a parent. What is written to the disk meanwhile may be in the copy or not.</summary>
    /// <inheritdoc cref="ConvertAsync(string, string, ConvertOptions, IProgress{OperationProgress}, CancellationToken)"/>
    public async ValueTask<OperationResult> ConvertAsync(
        VirtualDisk source, string target, ConvertOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        ThrowIfDisposed();
        string full = HostPath.GetFull(target);
        if (options.Overwrite)
        {
            ThrowIfInUseByThis(full, source.Identities, "convert");
        }

        var create = new ImageCreateOptions { VirtualSizeBytes = source.LengthBytes, FormatOptions = options.FormatOptions };
        PendingFile file = await CreateFileAsync(full, options.TargetFormat, create, options.Overwrite, cancellationToken).ConfigureAwait(false);
        await using (file.ConfigureAwait(false))
        {
            // No barriers on the way: the file has no name before all of it is durable.
            var imageOptions = new ImageOpenOptions { Mode = ConsistencyMode.Unsafe };
            Level level = await _opener.OpenAsync<AsyncIo>(new KeptOpenStorage(file.Storage), full, options.TargetFormat, imageOptions, cancellationToken).ConfigureAwait(false);
            VirtualDisk copy = NewDisk(new Generation([level]), new DiskOpenOptions());
            OperationResult result;
            await using (copy.ConfigureAwait(false))
            {
                result = await Task.Run(async () => await new DiskCopier(source, copy, progress) { ZeroBlockBytes = options.ZeroBlockBytes }.RunAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
                progress?.Report(new OperationProgress(result.DiskBytes, result.DiskBytes, "making durable"));
                await copy.CloseAsync().ConfigureAwait(false);
            }

            await file.PublishAsync(cancellationToken).ConfigureAwait(false);
            return result;
        }
    }

    /// <summary>Compares what two disks read; parts that are zero in both are skipped. Beyond its end a disk counts as zero.</summary>
    public async ValueTask<CompareResult> CompareAsync(
        string first, string second, CompareOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        options ??= new CompareOptions();
        VirtualDisk a = await OpenDiskAsync(first, ForCopying(options.First), cancellationToken).ConfigureAwait(false);
        await using (a.ConfigureAwait(false))
        {
            VirtualDisk b = await OpenDiskAsync(second, ForCopying(options.Second), cancellationToken).ConfigureAwait(false);
            await using (b.ConfigureAwait(false))
            {
                return await CompareAsync(a, b, options.RequireSameLength, progress, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Compares what two open disks read.</summary>
    public async ValueTask<CompareResult> CompareAsync(
        VirtualDisk first, VirtualDisk second, bool requireSameLength = false, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        ThrowIfDisposed();
        long? difference = await Task.Run(async () => await new DiskComparer(first, second, progress).FindDifferenceAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        if (requireSameLength && first.LengthBytes != second.LengthBytes)
        {
            long shorter = Math.Min(first.LengthBytes, second.LengthBytes);
            difference = difference < shorter ? difference : shorter;
        }

        return new CompareResult
        {
            AreEqual = difference is null,
            FirstDifferenceOffset = difference,
            FirstLengthBytes = first.LengthBytes,
            SecondLengthBytes = second.LengthBytes,
        };
    }

    private static DiskOpenOptions ForCopying(DiskOpenOptions options) => options with { ReadOnly = true, Flags = options.Flags | ImageOpenFlags.Sequential };
}
