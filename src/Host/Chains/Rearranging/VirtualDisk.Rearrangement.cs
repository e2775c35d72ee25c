using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <content>What all operations have in common that change the chain of a disk in use.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// The time of one such operation. While it lasts, nothing that the guest writes relies on what lies beneath the top, so that the levels there may be
    /// changed wherever those above them hold something. Ends with <see cref="DisposeAsync"/>, on the levels that were published last.
    /// </summary>
    private sealed class Rearrangement : IAsyncDisposable
    {
        private readonly VirtualDisk _disk;
        private readonly MaintenanceTurn _turn;
        private readonly List<(Level Level, VirtualDisk? Disk)> _writable = [];

        private Rearrangement(VirtualDisk disk, MaintenanceTurn turn)
        {
            _disk = disk;
            _turn = turn;
        }

        public CancellationToken Token => _turn.Token;

        /// <summary>The levels as they are now, top first. They change through this object only.</summary>
        public IReadOnlyList<Level> Levels => _disk._generation.Levels;

        /// <summary>What the guest has changed, or was about to, since <see cref="TrackAnewAsync"/>; null before.</summary>
        public ChangeTracker? Changes => _disk._generation.Changes;

        /// <summary>Waits for its turn, and until nothing relies on what lies beneath the top. The disk must be writable.</summary>
        public static async ValueTask<Rearrangement> BeginAsync(VirtualDisk disk, string operation, CancellationToken cancellationToken)
        {
            MaintenanceTurn turn = await disk.EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                disk.RequireWritable(operation);
                disk.RequireParentAsOpened(operation);
            }
            catch
            {
                turn.Dispose();
                throw;
            }

            var rearrangement = new Rearrangement(disk, turn);
            try
            {
                await disk.PublishAsync(Generation.Rearranging(disk._generation.Levels, changes: null)).ConfigureAwait(false);
                await disk._generation.Levels[0].AskAsync(ComposingLevel, image => image.SetBeneathAsync(Beneath.Unknown, turn.Token), turn.Token).ConfigureAwait(false);
                return rearrangement;
            }
            catch
            {
                await rearrangement.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }

        /// <summary>From when it returns on, every change by the guest is taken down in a new <see cref="Changes"/> before it begins.</summary>
        public async ValueTask TrackAnewAsync() =>
            await _disk.PublishAsync(Generation.Rearranging(_disk._generation.Levels, new ChangeTracker(_disk.LengthBytes))).ConfigureAwait(false);

        /// <summary>Makes a level beneath the top writable until the end; other programs that use it are in the way.</summary>
        /// <returns>A disk over it and the levels beneath, not to be closed by the caller.</returns>
        public async ValueTask<VirtualDisk> WriteToAsync(int depth)
        {
            Level level = Levels[depth];
            if (level.Image is DiskAsImage)
            {
                throw new ImageException(
                    ImageErrorKind.NotSupported, $"{DisplayText.Escape(level.Path)}: this level is an open disk, given as a parent, and is written through that disk only. Close both, and open the chain by its files.", level.Path, "write");
            }

            await UnfreezeAsync(level).ConfigureAwait(false);
            var disk = new VirtualDisk([.. Levels.Skip(depth)], _disk._logger);
            _writable[^1] = (level, disk);

            // Levels beneath may have another size than when this one was opened.
            await level.AskAsync(ComposingLevel, image => image.SetBeneathAsync(disk._generation.Beneath, Token), Token).ConfigureAwait(false);
            return disk;
        }

        /// <summary>Stores in a level, durably, that its parent is another one now; null: none. The name stays absolute where it was, and else is relative.</summary>
        public async ValueTask RelinkAsync(int depth, Level? parent, bool isAbsolute = false)
        {
            Level child = Levels[depth];
            ParentReference? before = child.Image.Parent;
            bool wasAbsolute = before is not null && ParentName.GetPlain(before, out _) is { } name && System.IO.Path.IsPathRooted(name);
            ParentReference? reference = parent is null
                ? null
                : DiskHost.ParentToRecord(RelativeName.Of(parent.Path, child.Path, isAbsolute || wasAbsolute), parent.FormatId);
            bool isFrozen = child.Image.IsReadOnly;
            if (isFrozen)
            {
                await UnfreezeAsync(child).ConfigureAwait(false);
            }

            await child.AskAsync(RelinkingLevel, image => image.SetParentAsync(reference, Token), Token).ConfigureAwait(false);
            if (isFrozen)
            {
                await FreezeAsync(child).ConfigureAwait(false);
            }
        }

        /// <summary>Goes on with other levels beneath the same top, which read the same. When it returns, nobody uses those any more that are gone; the caller closes them.</summary>
        public ValueTask PublishAsync(IReadOnlyList<Level> levels) => _disk.PublishAsync(Generation.Rearranging(levels, Changes));

        /// <summary>Keeps the guest's changes waiting, and returns when those under way have ended. Ends with one of the two members below.</summary>
        public async ValueTask HoldWritersAsync()
        {
            RequestGate writers = _disk._generation.Writers;
            try
            {
                await writers.CloseAsync().WaitAsync(Token).ConfigureAwait(false);
            }
            catch
            {
                writers.Reopen();
                throw;
            }
        }

        /// <summary>Lets the guest go on as before.</summary>
        public void ReleaseWriters() => _disk._generation.Writers.Reopen();

        /// <summary>Lets the guest go on, with another top, and then as <see cref="PublishAsync"/>.</summary>
        public async ValueTask PublishHeldAsync(IReadOnlyList<Level> levels)
        {
            await _disk.PublishHeldAsync(Generation.Rearranging(levels, Changes)).ConfigureAwait(false);
            _disk._host?.Renamed(_disk._number, _disk.Path);
        }

        /// <summary>Makes a level that was made writable durable and read-only again, and lets others use it as a parent. The new top of the disk is not frozen.</summary>
        public async ValueTask FreezeAsync(Level level)
        {
            int index = _writable.FindIndex(each => each.Level == level);
            if (_writable[index].Disk is { } disk)
            {
                await disk.CloseAsync().ConfigureAwait(false);
            }

            if (level != Levels[0])
            {
                await LevelAccess.FreezeAsync(level, CancellationToken.None).ConfigureAwait(false);
            }

            _writable.RemoveAt(index);
        }

        /// <summary>Ends the operation. Never throws: what cannot be undone keeps others out longer than need be, and is logged.</summary>
        public async ValueTask DisposeAsync()
        {
            try
            {
                foreach ((Level level, _) in _writable.ToArray())
                {
                    await TryAsync(() => FreezeAsync(level), level).ConfigureAwait(false);
                }

                await TryAsync(SettleAsync, Levels[0]).ConfigureAwait(false);
            }
            finally
            {
                _turn.Dispose();
            }
        }

        private async ValueTask UnfreezeAsync(Level level)
        {
            await LevelAccess.UnfreezeAsync(level, _disk._options.Flags, _disk._logger, Token).ConfigureAwait(false);
            _writable.Add((level, null));
        }

        // The image before the host: until then the host asks for more than it needs, which is always right. Where this fails, both go on over something unknown.
        private async ValueTask SettleAsync()
        {
            var settled = new Generation(Levels);
            await TellBeneathAsync<AsyncIo>(settled, CancellationToken.None).ConfigureAwait(false);
            await _disk.PublishAsync(settled).ConfigureAwait(false);
        }

        private async ValueTask TryAsync(Func<ValueTask> step, Level level)
        {
            try
            {
                await step().ConfigureAwait(false);
            }
            catch (ImageException exception)
            {
                _disk._logger.LogWarning(exception, "{Path}: the end of an operation on the chain failed: {Message}", DisplayText.Escape(level.Path), DisplayText.Escape(exception.Message));
            }
        }
    }

    private TimeProvider Time => _host?.Opener.Time ?? TimeProvider.System;

    /// <summary>Keeps what an operation copies within the bounds that it was given.</summary>
    private RateLimiter LimiterFor(ChainOperationOptions options) => new(options.MaxBytesPerSecond, Time);

    /// <summary>For the top of a disk that an operation on this one writes to.</summary>
    private EarlyBarriers EarlyBarriersOf(VirtualDisk target) => new(_options.Mode == ConsistencyMode.Unsafe ? null : target._generation.Levels[0].Storage);

    private void RequireParentAsOpened(string operation)
    {
        if (_generation.IsParentRenamed)
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument, $"{Shown}: the parent's name was changed since the disk was opened, so that its chain is not the one that the image names. To {operation} it, open it again.", Path, operation);
        }
    }
}
