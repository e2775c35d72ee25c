namespace QedVd.Host;

/// <summary>
/// Keeps a disk's users to so many bytes, and so many requests, per second on average; about a tenth of a second's worth may come at once. First come,
/// first served. Reads and writes count with what they move; zero requests, discards and flushes count as requests only.
/// </summary>
/// <remarks>Thread safe. The rates may be changed while requests wait. Disposing it lets them all go, and ends the limits.</remarks>
public sealed class ThrottleFilter : DiskFilter, IDisposable
{
    private readonly RateLimiter _limiter;

    /// <param name="bytesPerSecond">0: no limit.</param>
    /// <param name="requestsPerSecond">0: no limit.</param>
    /// <param name="time">The clock; null: the system's.</param>
    public ThrottleFilter(long bytesPerSecond, long requestsPerSecond = 0, TimeProvider? time = null) =>
        _limiter = new RateLimiter(bytesPerSecond, time ?? TimeProvider.System, requestsPerSecond);

    /// <summary>0: no limit.</summary>
    public long BytesPerSecond => _limiter.BytesPerSecond;

    /// <summary>0: no limit.</summary>
    public long RequestsPerSecond => _limiter.RequestsPerSecond;

    /// <summary>How many requests are held back at this moment.</summary>
    public int WaitingRequests => _limiter.WaitingRequests;

    /// <summary>Changes the rates, also for the requests that wait.</summary>
    /// <param name="bytesPerSecond">0: no limit.</param>
    /// <param name="requestsPerSecond">0: no limit.</param>
    public void SetRates(long bytesPerSecond, long requestsPerSecond = 0) => _limiter.SetRates(bytesPerSecond, requestsPerSecond);

    /// <inheritdoc/>
    public override void Read(DiskRequests beneath, long offset, Span<byte> buffer)
    {
        Wait(buffer.Length);
        beneath.Read(offset, buffer);
    }

    /// <inheritdoc/>
    public override async ValueTask ReadAsync(DiskRequests beneath, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await _limiter.WaitAsync<AsyncIo>(buffer.Length, cancellationToken).ConfigureAwait(false);
        await beneath.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override void Write(DiskRequests beneath, long offset, ReadOnlySpan<byte> buffer, WriteFlags flags)
    {
        Wait(buffer.Length);
        beneath.Write(offset, buffer, flags);
    }

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(DiskRequests beneath, long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        await _limiter.WaitAsync<AsyncIo>(buffer.Length, cancellationToken).ConfigureAwait(false);
        await beneath.WriteAsync(offset, buffer, flags, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override void WriteZeroes(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags)
    {
        Wait(0);
        beneath.WriteZeroes(offset, lengthBytes, flags);
    }

    /// <inheritdoc/>
    public override async ValueTask WriteZeroesAsync(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        await _limiter.WaitAsync<AsyncIo>(0, cancellationToken).ConfigureAwait(false);
        await beneath.WriteZeroesAsync(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override void Discard(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags)
    {
        Wait(0);
        beneath.Discard(offset, lengthBytes, flags);
    }

    /// <inheritdoc/>
    public override async ValueTask DiscardAsync(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        await _limiter.WaitAsync<AsyncIo>(0, cancellationToken).ConfigureAwait(false);
        await beneath.DiscardAsync(offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override void Flush(DiskRequests beneath)
    {
        Wait(0);
        beneath.Flush();
    }

    /// <inheritdoc/>
    public override async ValueTask FlushAsync(DiskRequests beneath, CancellationToken cancellationToken)
    {
        await _limiter.WaitAsync<AsyncIo>(0, cancellationToken).ConfigureAwait(false);
        await beneath.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter.Dispose();

    private void Wait(long bytes) => SyncIo.Complete(_limiter.WaitAsync<SyncIo>(bytes, default));
}
