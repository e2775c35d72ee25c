namespace QedVd.Host;

/// <content>Merges, and commits past levels, that were interrupted.</content>
public sealed partial class VirtualDisk
{
    /// <summary>The depth of a journal's survivor, beside which the journal was found.</summary>
    private static int DepthOf(IReadOnlyList<Level> chain, FileMark survivor) => chain.Index().First(level => level.Item.Mark is { } mark && mark.Fits(survivor)).Index;

    /// <summary>The journal beside one of the levels; null when there is none.</summary>
    private static async ValueTask<MergeJournal?> FindJournalAsync(Rearrangement work)
    {
        foreach (Level level in work.Levels)
        {
            if (level.Mark is { } mark && await MergeJournal.ReadAsync(level.Path, mark, work.Token).ConfigureAwait(false) is { } journal)
            {
                return journal;
            }
        }

        return null;
    }

    private static async ValueTask<MergeJournal?> WriteJournalAsync(MergeJournal? journal, Level survivor, CancellationToken cancellationToken)
    {
        if (journal is not null)
        {
            await journal.WriteAsync(survivor.Path, cancellationToken).ConfigureAwait(false);
        }

        return journal;
    }

    /// <summary>
    /// Tidies up behind a merge whose links are done already; null where they are not. That they are is seen from the chain: it has the journal's neighbour
    /// where it belongs, and none of the files that go.
    /// </summary>
    private async ValueTask<MergeResult?> TryFinishMergeAsync(Rearrangement work, MergeJournal journal, IReadOnlyList<string> siblingFolders)
    {
        IReadOnlyList<Level> chain = work.Levels;
        int depth = DepthOf(chain, journal.Survivor);
        if (_host is null || journal.NamesAnyOf(chain) || !IsNeighbourInPlace(chain, depth, journal))
        {
            return null;
        }

        Level survivor = chain[depth];
        IReadOnlyList<string> gone = journal.KeepsFiles
            ? []
            : await new MergeLeftovers(_host, journal, survivor, chain).RemoveAsync(siblingFolders, work.Token).ConfigureAwait(false);
        await MergeJournal.RemoveAsync(survivor).ConfigureAwait(false);
        return new MergeResult
        {
            Direction = journal.Direction,
            SurvivorPath = survivor.Path,
            CopiedBytes = 0,
            RemovedPaths = journal.TakesTop ? [journal.Neighbour!.Path, .. gone] : gone,
            KeptPaths = [.. LeftOf(journal).Except(gone)],
        };
    }

    private static bool IsNeighbourInPlace(IReadOnlyList<Level> chain, int survivor, MergeJournal journal)
    {
        if (journal.Direction == MergeDirection.Up)
        {
            return journal.IsNeighbour(chain.ElementAtOrDefault(survivor + 1));
        }

        // The top goes last, and its name goes before the guest writes to the survivor: where it was copied and is gone, all was done but tidying up.
        return journal.TakesTop
            ? survivor == 0 && journal.IsTopCopied && FilePeek.At(journal.Neighbour!.Path) is { IsLink: false, Error.Kind: ImageErrorKind.NotFound }
            : survivor > 0 && journal.IsNeighbour(chain[survivor - 1]);
    }

    /// <summary>
    /// Whether nothing has to be known of a neighbour that is another one now: upwards the link that changes is the survivor's, and downwards it is that of a
    /// level in this chain, or of one that is not there any more.
    /// </summary>
    private static bool IsNeighbourOutdated(IReadOnlyList<Level> chain, MergeJournal journal) =>
        journal.Direction == MergeDirection.Up || journal.Neighbour is null || chain.Any(journal.IsNeighbour) || journal.Neighbour.FindPath() is null;

    private static string WhyNotFinished(IReadOnlyList<Level> chain, MergeJournal journal) =>
        journal.Direction == MergeDirection.Up || journal.Neighbour is null || chain.Any(journal.IsNeighbour) ? "the chain has other levels now"
            : journal.Neighbour.FindPath() is { } path ? $"merge the chain of '{DisplayText.Escape(path)}' instead"
            : $"'{DisplayText.Escape(journal.Neighbour.Path)}' is not there any more";
}
