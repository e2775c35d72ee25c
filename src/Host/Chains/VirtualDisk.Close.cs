using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <content>The end of a disk.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Waits for requests under way, makes everything durable and closes the images; throws what could not be saved, closed all the same. An operation on
    /// the whole disk (a compaction, a resize ...) that is under way is cancelled and waited for.
    /// </summary>
    public void Close() => SyncIo.Complete(CloseCore<SyncIo>());

    /// <inheritdoc cref="Close()"/>
    public ValueTask CloseAsync() => CloseCore<AsyncIo>();

    /// <summary>Closes; what could not be saved goes to the log instead of being thrown.</summary>
    public void Dispose()
    {
        try
        {
            Close();
        }
        catch (ImageException exception)
        {
            LogLost(exception);
        }

        GC.SuppressFinalize(this);
    }

    /// <inheritdoc cref="Dispose()"/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await CloseAsync().ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            LogLost(exception);
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Only logs: what was not flushed cannot be saved from here.</summary>
    ~VirtualDisk()
    {
        if (_isClosed)
        {
            return;
        }

        try
        {
            _logger.LogError("{Path}: the disk was never closed; what was not flushed is lost, and its locks stay until the process ends", Shown);
        }
#pragma warning disable CA1031 // A logger that was disposed before must not end the process from the finalizer.
        catch (Exception)
#pragma warning restore CA1031
        {
            // There is nobody left to tell.
        }
    }

    /// <summary>Closes images that are not, or no more, those of a disk, top first, so that its error is the one that is returned.</summary>
    internal static async ValueTask<Exception?> CloseLevelsAsync<TIo>(IEnumerable<Level> levels)
        where TIo : struct, IIoMode
    {
        Exception? first = null;
        foreach (Level level in levels)
        {
            try
            {
                if (TIo.IsSynchronous)
                {
                    level.Image.Close();
                }
                else
                {
                    await level.Image.CloseAsync().ConfigureAwait(false);
                }
            }
#pragma warning disable CA1031 // Every image is closed whatever another one throws; the first error reaches the caller.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                first ??= BackendFault.Is(exception) ? level.Fault("closing", null, exception) : exception;
            }

            level.Lease?.Dispose();
        }

        return first;
    }

    private async ValueTask CloseCore<TIo>()
        where TIo : struct, IIoMode
    {
#pragma warning disable CA1849 // What it calls back only sets flags; to wait for that would be one more way to wait.
        _closing.Cancel();
#pragma warning restore CA1849
        await TIo.WaitAsync(_changes.WaitAsync(), default).ConfigureAwait(false);
        try
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            await CloseFiltersAsync<TIo>().ConfigureAwait(false);
            Generation generation = _generation;
            Task readers = generation.Readers.CloseAsync();
            Task writers = generation.Writers.CloseAsync();
            generation.Writers.WakeWaiters();
            await TIo.WaitAsync(writers, default).ConfigureAwait(false);
            await TIo.WaitAsync(readers, default).ConfigureAwait(false);
            Exception? lost = _ownsLevels ? await CloseLevelsAsync<TIo>(generation.Levels).ConfigureAwait(false) : null;
            _host?.Forget(_number);
            if (lost is not null)
            {
                ExceptionDispatchInfo.Throw(lost);
            }
        }
        finally
        {
            _changes.Release();
        }
    }

    private void LogLost(ImageException exception) =>
        _logger.LogError(exception, "{Path}: closing could not save everything: {Message}", Shown, DisplayText.Escape(exception.Message));
}
