using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>Opens one image in a storage, with the host's backends and memory.</summary>
internal sealed class ImageOpener(BackendCatalog backends, TablePool tables, TimeProvider time, ILogger logger)
{
    private readonly Prober _prober = new(backends);

    public ILogger Logger => logger;

    public TimeProvider Time => time;

    public ValueTask<ProbeReport> ProbeAsync<TIo>(IImageStorage storage, CancellationToken cancellationToken)
        where TIo : struct, IIoMode =>
        TIo.IsSynchronous ? new ValueTask<ProbeReport>(_prober.Probe(storage)) : _prober.ProbeAsync(storage, cancellationToken: cancellationToken);

    /// <summary>Opens the image. On success the level owns the storage; on failure it has been disposed.</summary>
    public async ValueTask<Level> OpenAsync<TIo>(IImageStorage storage, string path, string formatId, ImageOpenOptions options, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        BackendLease? lease = null;
        try
        {
            lease = backends.Lease(backends.Get(formatId));
            options = options with { Tables = tables, Time = time };
            IDiskImage image = TIo.IsSynchronous
                ? lease.Backend.Open(storage, options)
                : await lease.Backend.OpenAsync(storage, options, cancellationToken).ConfigureAwait(false);
            return new Level
            {
                Image = image,
                Path = path,
                FormatId = formatId,
                Storage = storage,
                Lease = lease,
                Warnings = WarningsOf(storage),
            };
        }
        catch
        {
            lease?.Dispose();
            storage.Dispose();
            throw;
        }
    }

    private string[] WarningsOf(IImageStorage storage)
    {
        if (storage.EarlierFence is { } fence)
        {
            // For people the backend says it, among its own warnings.
            logger.LogWarning("{Path}: a barrier failed on this file at {Time}: {Message}", DisplayText.Escape(storage.Name), fence.TimestampUtc, DisplayText.Escape(fence.Message));
        }

        return storage is FileStorage { LockWarning: { } unlocked } ? [unlocked] : [];
    }
}
