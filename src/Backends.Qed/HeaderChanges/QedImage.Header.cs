namespace QedVd.Backends.Qed;

/// <content>How the header of an open image is replaced.</content>
internal sealed partial class QedImage
{
    /// <summary>
    /// Replaces the header in the storage, in one sector, and waits until that is durable. What the new one refers to is durable already. On failure the
    /// old one counts; the storage may have either until the next commit has written it again.
    /// </summary>
    private async ValueTask<QedHeader> ReplaceHeaderAsync(Func<QedHeader, QedHeader> change)
    {
        // A writer in lazy mode may be about to set NEED_CHECK.
        await _headerGate.EnterAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
        try
        {
            QedHeader after = change(_header);
            try
            {
                await QedHeaderFile.WriteAsync<AsyncIo>(_storage, after, CancellationToken.None).ConfigureAwait(false);
            }
            catch
            {
                _isChanged = true;
                _writer.RestoreHeader(() => Header, _headerGate);
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
}
