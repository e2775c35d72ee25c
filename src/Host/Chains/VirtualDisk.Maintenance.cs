namespace QedVd.Host;

/// <content>What all operations on a disk in use share: one at a time, on the levels as they are then.</content>
public sealed partial class VirtualDisk
{
    private readonly CancellationTokenSource _closing = new();

    /// <summary>Open disks that have this one as their parent.</summary>
    internal ParentUse Children { get; } = new();

    /// <summary>Whether somebody has begun to close the disk.</summary>
    internal bool IsClosing => _closing.IsCancellationRequested;

    private async ValueTask<MaintenanceTurn> EnterMaintenanceAsync(CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        MaintenanceTurn turn = await MaintenanceTurn.EnterAsync(_changes, _closing.Token, cancellationToken).ConfigureAwait(false);
        if (_isClosed)
        {
            turn.Dispose();
            ThrowIfClosed();
        }

        return turn;
    }

    /// <summary>Puts a generation in the place of the present one. When it returns, no request uses the old one any more.</summary>
    private async ValueTask PublishAsync(Generation next)
    {
        Generation old = _generation;
        if (next.OverEndBytes != old.OverEndBytes)
        {
            // Blocks that are allocated under the growth lock in one of the two, and without it in the other: nobody may do both at a time.
            await old.Writers.CloseAsync().ConfigureAwait(false);
            await PublishHeldAsync(next).ConfigureAwait(false);
            return;
        }

        _generation = next;
        Task writers = old.Writers.CloseAsync();
        old.Writers.WakeWaiters();
        await writers.ConfigureAwait(false);
        await old.Readers.CloseAsync().ConfigureAwait(false);
    }

    /// <summary>The same where the old one's writers have been held, and have left.</summary>
    private async ValueTask PublishHeldAsync(Generation next)
    {
        Generation old = _generation;
        _generation = next;
        Task readers = old.Readers.CloseAsync();
        old.Writers.WakeWaiters();
        await readers.ConfigureAwait(false);
    }

    private void RequireWritable(string operation)
    {
        if (IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Shown}: the disk is open for reading only. Open it without ReadOnly to {operation} it.", Path, operation);
        }
    }

    private void RequireCapability(ImageCapabilities capability, string operation)
    {
        Level top = _generation.Levels[0];
        if ((top.Image.Capabilities & capability) == 0)
        {
            throw new ImageException(ImageErrorKind.NotSupported, $"{Shown}: the format '{top.FormatId}' cannot {operation} this image.", Path, operation);
        }
    }

    /// <summary>Keeps out, and refuses when there are, open disks that have this one as their parent.</summary>
    private void CloseToChildren(string operation)
    {
        if (!Children.TryClose())
        {
            throw new ImageException(ImageErrorKind.InUse, $"{Shown}: {Children.Count} open disks have this one as their parent, and rely on it as it is. Close them first.", Path, operation);
        }
    }

    private string Shown => DisplayText.Escape(Path);
}
