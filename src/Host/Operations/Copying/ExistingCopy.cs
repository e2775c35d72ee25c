namespace QedVd.Host;

/// <summary>
/// A file that lies where a level is to be copied to, and holds what the copy would hold: what a run has published that was killed then. That it is the same is
/// proof enough, whoever made it: it is left as it is. Open, and kept from writers, until this is disposed.
/// </summary>
internal sealed class ExistingCopy : IAsyncDisposable
{
    private readonly Level _level;
    private readonly FileStorage _storage;

    private ExistingCopy(Level level, FileStorage storage)
    {
        _level = level;
        _storage = storage;
    }

    /// <summary>What there is to say of it.</summary>
    public ImageDescription Describe() => _level.DescribeImage();

    /// <summary>Looks for it; null where what lies there is something else, whatever it is.</summary>
    /// <param name="host">The host.</param>
    /// <param name="source">The level, open.</param>
    /// <param name="path">Where its copy is to lie.</param>
    /// <param name="parent">What the copy is to name.</param>
    /// <param name="used">The files of the chain that is copied: none of them is a copy.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    public static async ValueTask<ExistingCopy?> FindAsync(
        DiskHost host, Level source, string path, ParentReference? parent, IReadOnlyCollection<StorageIdentity> used, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        FilePeek there = FilePeek.At(path);
        if (!there.IsRegular || there.IsLink || used.Contains(there.Identity))
        {
            return null;
        }

        FileStorage storage;
        Level level;
        try
        {
            storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true });
            var options = new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly | ImageOpenFlags.Sequential };
            level = await host.Opener.OpenAsync<AsyncIo>(storage, path, source.FormatId, options, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException)
        {
            return null;
        }

        var copy = new ExistingCopy(level, storage);
        bool isSame = false;
        try
        {
            isSame = await copy.IsSameAsync(host, source, parent, progress, cancellationToken).ConfigureAwait(false);
            return isSame ? copy : null;
        }
        finally
        {
            if (!isSame)
            {
                await copy.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Makes it durable, and its name: who published it may have been killed before.</summary>
    public void MakeDurable()
    {
        string path = _level.Path;
        if (!_storage.File.HasName(path))
        {
            throw PendingPlace.CannotReplace(path);
        }

        _storage.FullBarrier();
        _storage.File.FlushFolder(Path.GetDirectoryName(path)!);
    }

    public async ValueTask DisposeAsync() => await VirtualDisk.CloseLevelsAsync<AsyncIo>([_level]).ConfigureAwait(false);

    private async ValueTask<bool> IsSameAsync(DiskHost host, Level source, ParentReference? parent, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        ImageDescription there = Describe();
        if (there.IsDirty
            || there.VirtualSizeBytes != source.Image.VirtualSizeBytes
            || !there.ParentNameBytes.Span.SequenceEqual(parent is null ? [] : parent.NameBytes)
            || there.ParentFormatId != parent?.FormatId
            || !_level.GetCreationOptions().OrderBy(option => option.Key).SequenceEqual(source.GetCreationOptions().OrderBy(option => option.Key)))
        {
            return false;
        }

        VirtualDisk from = VirtualDisk.OverLevel(source, host.Logger);
        await using (from.ConfigureAwait(false))
        {
            VirtualDisk copy = VirtualDisk.OverLevel(_level, host.Logger);
            await using (copy.ConfigureAwait(false))
            {
                return (!source.Image.Backend.Capabilities.HasFlag(ImageCapabilities.Differencing) || await OwnTheSameAsync(from, copy, cancellationToken).ConfigureAwait(false))
                    && await new DiskComparer(from, copy, progress).FindFirstAsync(cancellationToken).ConfigureAwait(false) is null;
            }
        }
    }

    /// <summary>Whether what is free in one is free in the other: there the parent shows through.</summary>
    private static async ValueTask<bool> OwnTheSameAsync(VirtualDisk first, VirtualDisk second, CancellationToken cancellationToken)
    {
        var a = new ExtentCursor(first, cancellationToken);
        await using (a.ConfigureAwait(false))
        {
            var b = new ExtentCursor(second, cancellationToken);
            await using (b.ConfigureAwait(false))
            {
                for (long offset = 0; offset < first.LengthBytes;)
                {
                    (DiskExtent one, DiskExtent other) = await ExtentCursor.FindBothAsync(a, b, offset).ConfigureAwait(false);
                    if ((one.Kind == ExtentKind.Free) != (other.Kind == ExtentKind.Free))
                    {
                        return false;
                    }

                    offset = Math.Min(one.EndBytes, other.EndBytes);
                }

                return true;
            }
        }
    }
}
