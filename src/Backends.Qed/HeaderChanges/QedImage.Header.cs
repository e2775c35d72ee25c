namespace QedVd.Backends.Qed;

/// <content>How the header of an open image is replaced.</content>
internal sealed partial class QedImage
{
    /// <summary>
    /// Replaces the header in the storage, in one sector, and waits until that is durable. What the new one refers to is durable already. On failure the
    /// old one stands, or, where not even that is known, nothing more is written to this image.
    /// </summary>
    private async ValueTask<QedHeader> ReplaceHeaderAsync(Func<QedHeader, QedHeader> change)
    {
        // A writer in lazy mode may be about to set NEED_CHECK.
        await _headerGate.EnterAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
        try
        {
            QedHeader before = _header;
            QedHeader after = change(before);
            try
            {
                await QedHeaderFile.WriteAsync<AsyncIo>(_storage, after, CancellationToken.None).ConfigureAwait(false);
            }
            catch (ImageException exception)
            {
                await TakeHeaderBackAsync(before, exception).ConfigureAwait(false);
                throw;
            }

            if (_options.Mode != ConsistencyMode.Unsafe)
            {
                await _storage.BarrierAsync(CancellationToken.None).ConfigureAwait(false);
            }

            Volatile.Write(ref _header, after);
            return after;
        }
        finally
        {
            _headerGate.Exit();
        }
    }

    /// <summary>A sector whose write failed may hold the one or the other.</summary>
    private async ValueTask TakeHeaderBackAsync(QedHeader before, ImageException cause)
    {
        try
        {
            await QedHeaderFile.WriteAsync<AsyncIo>(_storage, before, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ImageException)
        {
            _writer.Fence(cause);
        }
    }
}
