namespace QedVd.Host;

/// <content>Comparing.</content>
public sealed partial class DiskHost
{
    /// <summary>Compares what two disks read; parts that are zero in both, or the same place of one file, are skipped. Beyond its end a disk counts as zero.</summary>
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
        long? difference = await new DiskComparer(first, second, progress).FindFirstAsync(cancellationToken).ConfigureAwait(false);
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

    /// <summary>
    /// Where two disks differ: all ranges, in order, in whole sectors of 512 bytes (the last one ends with the longer disk at most), neighbours as one. Beyond
    /// its end a disk counts as zero. Memory does not grow with the disks.
    /// </summary>
    /// <remarks>Of disks that are being written meanwhile, each range was true at some instant during the enumeration.</remarks>
    public IAsyncEnumerable<DiskRange> FindDifferencesAsync(VirtualDisk first, VirtualDisk second, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        ThrowIfDisposed();
        return new DiskComparer(first, second, progress: null).FindAllAsync(cancellationToken);
    }
}
