using System.Runtime.ExceptionServices;

namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    /// <inheritdoc/>
    protected override async ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _beneath, new BeneathHolder(beneath));
        await _epochs.WaitForEarlierAsync<TIo>(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) =>
        IsReadOnly ? default : TIo.BarrierAsync(_storage, cancellationToken);

    /// <inheritdoc/>
    protected override async ValueTask CloseCore<TIo>()
    {
        ExceptionDispatchInfo? failure = null;
        try
        {
            if (!IsReadOnly && _isChanged)
            {
                await FlushCore<TIo>(default).ConfigureAwait(false);
            }
        }
        catch (ImageException exception)
        {
            failure = ExceptionDispatchInfo.Capture(exception);
        }

        _map.Cache.Clear();
        if (TIo.IsSynchronous)
        {
            _storage.Dispose();
        }
        else
        {
            await _storage.DisposeAsync().ConfigureAwait(false);
        }

        failure?.Throw();
    }
}
