namespace QedVd.Host;

/// <summary>Copies the levels of a chain, one after the other, into files that get their names together at the end.</summary>
internal sealed class ChainCopier : IAsyncDisposable
{
    private readonly DiskHost _host;
    private readonly Level[] _levels;
    private readonly Level? _left;
    private readonly string[] _paths;
    private readonly CopyChainOptions _options;
    private readonly IProgress<OperationProgress>? _progress;
    private readonly StorageIdentity[] _used;

    // Of each level one or the other.
    private readonly PendingFile?[] _files;
    private readonly ExistingCopy?[] _existing;
    private readonly ImageDescription[] _described;
    private readonly long _totalBytes;
    private long _doneBytes;

    /// <param name="host">The host.</param>
    /// <param name="chain">All levels, open, top first.</param>
    /// <param name="folder">Where the copies go.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told how far it is.</param>
    public ChainCopier(DiskHost host, Level[] chain, string folder, CopyChainOptions options, IProgress<OperationProgress>? progress)
    {
        int count = Math.Min(chain.Length, options.Levels ?? chain.Length);
        _host = host;
        _levels = chain[..count];
        _left = count < chain.Length ? chain[count] : null;
        _paths = NamesIn(folder, _levels);
        _options = options;
        _progress = progress;
        _totalBytes = _levels.Sum(level => level.Image.VirtualSizeBytes);
        _used = [.. chain.Where(level => level.Storage is not null).Select(level => level.Storage!.Identity)];
        _files = new PendingFile?[count];
        _existing = new ExistingCopy?[count];
        _described = new ImageDescription[count];
        foreach (Level level in _levels)
        {
            if (level.Storage is null)
            {
                throw new ImageException(ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(level.Path)}: an open disk in the place of a parent has no file to be copied. Open the chain without ParentDisk.", level.Path, "copy");
            }
        }

        if (options.Overwrite)
        {
            foreach (string path in _paths)
            {
                DiskHost.ThrowIfInUseByThis(path, _used, "copy");
            }
        }
    }

    /// <summary>Returns the copies, top first, as they are when they get their names: after that nothing can fail.</summary>
    public async ValueTask<IReadOnlyList<ImageDescription>> RunAsync(CancellationToken cancellationToken)
    {
        for (int depth = 0; depth < _levels.Length && !_options.Overwrite; depth++)
        {
            await LookForAsync(depth, cancellationToken).ConfigureAwait(false);
        }

        int[] missing = [.. Enumerable.Range(0, _levels.Length).Where(depth => _existing[depth] is null)];
        if (!_options.SkipSpaceCheck)
        {
            VolumeRoom.Require(_paths[0], missing.Sum(depth => _levels[depth].GetFileSize().AllocatedBytes), "copy the chain");
        }

        using var limiter = new RateLimiter(_options.MaxBytesPerSecond, _host.Opener.Time);
        foreach (int depth in missing)
        {
            await CopyAsync(depth, _options.MaxBytesPerSecond > 0 ? limiter : null, cancellationToken).ConfigureAwait(false);
        }

        _progress?.Report(new OperationProgress(_totalBytes, _totalBytes, "making durable"));
        await Task.Run(Publish, CancellationToken.None).ConfigureAwait(false);
        return _described;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable? file in _files.Concat<IAsyncDisposable?>(_existing))
        {
            if (file is not null)
            {
                await file.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>What lies there already is refused unless it is what would be copied there: then a run that was killed has published it, and it stays.</summary>
    private async ValueTask LookForAsync(int depth, CancellationToken cancellationToken)
    {
        string path = _paths[depth];
        if (FilePeek.At(path) is { Error: not null, IsLink: false })
        {
            // Nothing, or who makes the file will say it.
            return;
        }

        IProgress<OperationProgress>? progress = _progress is null ? null : new LevelProgress(this);
        _existing[depth] = await ExistingCopy.FindAsync(_host, _levels[depth], path, ParentFor(depth), _used, progress, cancellationToken).ConfigureAwait(false)
            ?? throw PendingPlace.AlreadyExists(path);
        _described[depth] = _existing[depth]!.Describe();
        _doneBytes += _levels[depth].Image.VirtualSizeBytes;
    }

    private async ValueTask CopyAsync(int depth, RateLimiter? limiter, CancellationToken cancellationToken)
    {
        Level level = _levels[depth];
        var create = new ImageCreateOptions
        {
            VirtualSizeBytes = level.Image.VirtualSizeBytes,
            Parent = ParentFor(depth),
            FormatOptions = level.GetCreationOptions(),
        };
        PendingFile file = await _host.CreateFileAsync(_paths[depth], level.FormatId, create, _options.Overwrite, cancellationToken).ConfigureAwait(false);
        _files[depth] = file;
        var barriers = new EarlyBarriers(file.Storage);
        await barriers.WhileAsync(async () =>
        {
            // As if nothing lay beneath it: parts of blocks may be written, and zeros are stored all the same.
            VirtualDisk copy = await _host.OpenNewAsync(file, level.FormatId, parent: null, ImageOpenFlags.HonorZeroes, cancellationToken).ConfigureAwait(false);
            await using (copy.ConfigureAwait(false))
            {
                VirtualDisk source = VirtualDisk.OverLevel(level, _host.Logger);
                await using (source.ConfigureAwait(false))
                {
                    var copier = new DiskCopier(source, copy, _progress is null ? null : new LevelProgress(this))
                    {
                        // A format without parents stores no zeros: what was not written reads zero.
                        KeepsFree = level.Image.Backend.Capabilities.HasFlag(ImageCapabilities.Differencing),
                        Limiter = limiter,
                        ShareInto = file.Storage,
                        Written = barriers.Note,
                    };
                    OperationResult result = await copier.RunAsync(cancellationToken).ConfigureAwait(false);
                    _doneBytes += result.DiskBytes;
                }

                await copy.CloseAsync().ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
        _described[depth] = await DescribeAsync(file, level.FormatId, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<ImageDescription> DescribeAsync(PendingFile file, string format, CancellationToken cancellationToken)
    {
        var options = new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly | ImageOpenFlags.Info };
        var image = new OpenedImage(await _host.Opener.OpenAsync<AsyncIo>(new KeptOpenStorage(file.Storage), file.Path, format, options, cancellationToken).ConfigureAwait(false));
        await using (image.ConfigureAwait(false))
        {
            return image.Describe();
        }
    }

    private void Publish()
    {
        foreach (ExistingCopy file in _existing.OfType<ExistingCopy>())
        {
            file.MakeDurable();
        }

        new JointPublication([.. _files.OfType<PendingFile>()]).Run();
    }

    private ParentReference? ParentFor(int depth)
    {
        if (depth + 1 < _levels.Length)
        {
            return DiskHost.ParentToRecord(RelativeName.Of(_paths[depth + 1], _paths[depth], isAbsoluteWanted: false), _levels[depth + 1].FormatId);
        }

        Level level = _levels[depth];
        if (level.Image.Parent is not { NameBytes.IsEmpty: false } parent)
        {
            return null;
        }

        // The level that is left where it is, or the place of one that is missing.
        string? place = _left?.Path ?? ParentName.TryResolve(parent, level.Path);
        return place is null ? parent : new ParentReference(RelativeName.Of(place, _paths[depth], isAbsoluteWanted: false), parent.FormatId);
    }

    private static string[] NamesIn(string folder, Level[] levels)
    {
        HashSet<string> taken = new(StringComparer.OrdinalIgnoreCase);
        string[] paths = new string[levels.Length];
        for (int i = 0; i < levels.Length; i++)
        {
            string name = Path.GetFileName(levels[i].Path);
            string free = name;
            for (int number = 2; !taken.Add(free); number++)
            {
                free = $"{Path.GetFileNameWithoutExtension(name)}-{number}{Path.GetExtension(name)}";
            }

            paths[i] = Path.Combine(folder, free);
        }

        return paths;
    }

    private sealed class LevelProgress(ChainCopier job) : IProgress<OperationProgress>
    {
        public void Report(OperationProgress value) => job._progress!.Report(new OperationProgress(job._doneBytes + value.DoneBytes, job._totalBytes, "copying"));
    }
}
