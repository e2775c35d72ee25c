namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    /// <content>Who waits for whom: holds, commits, and where the file ends.</content>
    private sealed partial class Compaction
    {
        /// <summary>First grace period: alone with some clusters, readers excepted.</summary>
        private ValueTask HoldAsync(WriteHold hold, CancellationToken cancellationToken) =>
            _heldForGood is null ? _image.HoldAsync<AsyncIo>(hold, cancellationToken) : default;

        private void EndHold()
        {
            if (_heldForGood is null)
            {
                _image.EndHold();
            }
        }

        private async ValueTask HoldForGoodAsync()
        {
            WriteHold everything = WriteHold.OfEverything();
            await HoldAsync(everything, CancellationToken.None).ConfigureAwait(false);
            _heldForGood = everything;
        }

        /// <summary>Second grace period: what was published before is durable, and nobody reads from where it lay any more.</summary>
        private async ValueTask SettleAsync()
        {
            await _commit.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await _image._writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
            }
            finally
            {
                // Also when not durable, a link is what everybody has to see who comes when the hold has ended.
                await _image._epochs.WaitForEarlierAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
            }
        }

        /// <summary>Brings what was published on its way while the next batch is prepared; fails when the one before has failed.</summary>
        private async ValueTask BeginCommitAsync()
        {
            await _commit.ConfigureAwait(false);
            _commit = _image._writer.CommitAsync<AsyncIo>(CancellationToken.None).AsTask();
        }

        /// <summary>
        /// Fixes the end: what lies below is from now on changed by this compaction only, apart from what guests write in place; the tables in the storage
        /// say all about it.
        /// </summary>
        private async ValueTask FixEndAsync(CancellationToken cancellationToken)
        {
            // Most of it before writers are held.
            await _image._writer.CommitAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
            await HoldAsync(WriteHold.OfEverything(), cancellationToken).ConfigureAwait(false);
            try
            {
                await _image._writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
                _endBytes = _image._allocator.AllocatedEnd;
                _image._allocator.ForgetRecycled();
            }
            finally
            {
                EndHold();
            }
        }

        /// <summary>Cuts the file behind what is in use, unless guests have allocated behind the end meanwhile.</summary>
        private async ValueTask<bool> TryCutAsync(UsedClusters used)
        {
            if (!CanCut)
            {
                return false;
            }

            long usedEndBytes = used.UsedEndBytes;
            await HoldAsync(WriteHold.OfEverything(), CancellationToken.None).ConfigureAwait(false);
            try
            {
                if (!_image._allocator.TryLowerEnd(_endBytes, usedEndBytes))
                {
                    return false;
                }

                await _image._writer.TrimAsync<AsyncIo>().ConfigureAwait(false);
            }
            finally
            {
                EndHold();
            }

            await _image.GiveBackHolesAsync(used, usedEndBytes, CancellationToken.None).ConfigureAwait(false);
            await _image._writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
            return true;
        }

        /// <summary>After a failure, or a cancellation: gives back what is free already, as far as that works; what stopped the compaction is what is told.</summary>
        private async ValueTask GiveUpAsync()
        {
            try
            {
                await SettleAsync().ConfigureAwait(false);
                await FixEndAsync(CancellationToken.None).ConfigureAwait(false);
                UsedClusters used = await ScanAsync(CancellationToken.None).ConfigureAwait(false);
                if (!await TryCutAsync(used).ConfigureAwait(false))
                {
                    await _image.GiveBackHolesAsync(used, used.EndBytes, CancellationToken.None).ConfigureAwait(false);
                }
            }
            catch (Exception)
            {
                // The next compaction does it.
            }
        }
    }
}
