namespace QedVd.Host;

/// <content>Copying a chain as it is.</content>
public sealed partial class DiskHost
{
    /// <summary>
    /// Copies a chain level by level, so that the copy is the same chain: each level with its format, layout and size, its zeros and what is free in it, naming the
    /// copy of its parent. The files keep their names; of two with one name the lower one gets a number.
    /// </summary>
    /// <remarks>
    /// <para>Nothing appears before all levels are complete and durable; then the base does first and the top last. An error takes back what has appeared. What a
    /// killed run has left of that is completed by the same copy: a file that is there, and holds what would be copied there, stays.</para>
    /// <para>Where files are replaced, those above the base are taken away first, the top before all others: whatever ends it, no old image lies over a new one. An
    /// error puts them back; after a kill, or a power loss, the top is missing, until the copy is made again.</para>
    /// </remarks>
    /// <param name="sourceTop">The top image of the chain.</param>
    /// <param name="targetFolder">The folder of the copies; it exists.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how far it is, in bytes of all levels' disks.</param>
    /// <param name="cancellationToken">Stops between pieces, until the first copy appears.</param>
    /// <returns>The copies, top first.</returns>
    public async ValueTask<IReadOnlyList<ImageDescription>> CopyChainAsync(
        string sourceTop, string targetFolder, CopyChainOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        options ??= new CopyChainOptions();
        if (options.Levels is < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Levels, "Levels: at least 1, the top.");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxBytesPerSecond, nameof(options));
        ThrowIfDisposed();
        Generation chain = await new ChainOpener(_opener, ForCopying(options.Source)).OpenAsync<AsyncIo>(HostPath.GetFull(sourceTop), cancellationToken).ConfigureAwait(false);
        try
        {
            var copier = new ChainCopier(this, chain.Levels, HostPath.GetFull(targetFolder), options, progress);
            await using (copier.ConfigureAwait(false))
            {
                return await copier.RunAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            await VirtualDisk.CloseLevelsAsync<AsyncIo>(chain.Levels).ConfigureAwait(false);
        }
    }
}
