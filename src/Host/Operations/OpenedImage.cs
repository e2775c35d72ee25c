namespace QedVd.Host;

/// <summary>One image, open for reading, without its parents. Disposing closes it.</summary>
public sealed class OpenedImage : IDisposable, IAsyncDisposable
{
    private readonly Level _level;

    internal OpenedImage(Level level) => _level = level;

    /// <summary>The image. Valid until this object is disposed, which closes it.</summary>
    public IDiskImage Image => _level.Image;

    /// <summary>The full path.</summary>
    public string Path => _level.Path;

    /// <summary>The format's id.</summary>
    public string FormatId => _level.FormatId;

    /// <summary>Everything about it in one record.</summary>
    public ImageDescription Describe() => _level.DescribeImage();

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            SyncIo.Complete(_level.AskAsync("closing", static image => { image.Dispose(); return default; }, CancellationToken.None));
        }
        finally
        {
            _level.Lease?.Dispose();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _level.AskAsync("closing", static image => image.DisposeAsync(), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _level.Lease?.Dispose();
        }
    }
}
