using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>The journal of a merge under way.</summary>
/// <param name="earlier">That of an interrupted one, which this one finishes; it lies there already.</param>
/// <param name="makeOwn">What is written where there is none; null where there is no place for it. Made when the survivor has been written to: see <see cref="FileMark"/>.</param>
/// <param name="survivor">The image beside which it lies.</param>
/// <param name="replaces">Whether one lies there that is to be replaced, since the chain has changed.</param>
internal sealed class MergeTrace(MergeJournal? earlier, Func<MergeJournal?> makeOwn, Level survivor, bool replaces = false)
{
    private bool _isWritten;

    public MergeJournal? Earlier => earlier;

    public Level Survivor => survivor;

    /// <summary>Levels that were closed, and whose files were deleted where they had to be.</summary>
    public HashSet<Level> Closed { get; } = [];

    /// <summary>The files that were deleted.</summary>
    public List<string> Removed { get; } = [];

    /// <summary>Those of which that may not last.</summary>
    public UnsureDeletions Unsure { get; } = new();

    /// <summary>Whether a link has begun to change.</summary>
    public bool IsLinking { get; set; }

    /// <summary>Whether a file that had to be deleted could not be.</summary>
    public bool HasRemains { get; set; }

    /// <summary>Before the first link changes; durable when it returns.</summary>
    public async ValueTask WriteAsync(CancellationToken cancellationToken)
    {
        if (earlier is null && !_isWritten && makeOwn() is { } own)
        {
            await own.WriteAsync(survivor.Path, cancellationToken, replaces).ConfigureAwait(false);
            _isWritten = true;
        }
    }

    /// <summary>Whether the survivor has all that the top held, which goes; durable when it returns.</summary>
    public ValueTask TellTopIsCopiedAsync(bool isCopied, CancellationToken cancellationToken) =>
        earlier is null && !_isWritten ? default : MergeJournal.TellTopIsCopiedAsync(survivor.Path, isCopied, cancellationToken);

    /// <summary>All is done, and stays so whether or not the journal comes back after a power failure.</summary>
    public ValueTask EndAsync() => !HasRemains && (earlier is not null || _isWritten) ? MergeJournal.RemoveAsync(survivor, Unsure) : default;

    /// <summary>There is nothing to finish any more.</summary>
    public ValueTask RemoveAsync() => !HasRemains && (earlier is not null || _isWritten) ? MergeJournal.RemoveAsync(survivor) : default;

    /// <summary>
    /// Whether a link may have changed in a merge that failed so: the storage may hold the new one though it answered with an error. What was refused was not begun.
    /// </summary>
    public bool MayBeLinked(Exception failure) => IsLinking && failure is ImageException
    {
        Kind: not (ImageErrorKind.InvalidArgument or ImageErrorKind.NotSupported or ImageErrorKind.UnsupportedFeature or ImageErrorKind.ReadOnly or ImageErrorKind.InUse),
    };

    /// <summary>No link was changed: there is nothing to finish. An interrupted merge stays one.</summary>
    public async ValueTask WithdrawAsync(ILogger logger)
    {
        if (!_isWritten)
        {
            return;
        }

        try
        {
            await MergeJournal.RemoveAsync(survivor).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            logger.LogWarning(exception, "{Path}: the journal of a merge that did not take place stays beside it", DisplayText.Escape(survivor.Path));
        }
    }
}
