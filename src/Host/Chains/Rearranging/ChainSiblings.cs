using System.Globalization;
using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>Other images that have a level of a chain as their parent.</summary>
internal static class ChainSiblings
{
    private const int MaxShown = 5;

    /// <summary>Throws when there are any over levels that an operation changes or deletes.</summary>
    /// <param name="host">Null for a disk that no host has opened: then there is nowhere to look.</param>
    /// <param name="chain">All levels of the chain.</param>
    /// <param name="touched">Those that must have no other children.</param>
    /// <param name="gone">Files that an interrupted operation has left, or null.</param>
    /// <param name="folders">Where to look besides the folders of the chain's files.</param>
    /// <param name="operation">For the message.</param>
    /// <param name="logger">For what cannot be told.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>False when of some files, which go to the log, it cannot be told: then nothing should be deleted.</returns>
    public static async ValueTask<bool> RequireNoneAsync(
        DiskHost? host, IReadOnlyList<Level> chain, IEnumerable<Level> touched, MergeJournal? gone, IReadOnlyList<string> folders, string operation, ILogger logger, CancellationToken cancellationToken)
    {
        Level[] files = [.. touched.Where(level => level.Storage is FileStorage)];
        if (host is null || files.Length == 0)
        {
            return true;
        }

        SiblingReport found = await host.FindChildrenAsync(
            [.. files.Select(level => level.Storage!.Identity)],
            [.. chain.Where(level => level.Storage is not null).Select(level => level.Storage!.Identity), .. gone?.Remaining.Select(file => file.Mark.Identity) ?? []],
            [.. FoldersOf(chain), .. folders],
            cancellationToken).ConfigureAwait(false);
        foreach (ScanProblem problem in found.Uncertain)
        {
            logger.LogWarning("{Path}: whether this is another child of a level cannot be told: {Message}", DisplayText.Escape(problem.Path), problem.Message);
        }

        if (found.Count > 0)
        {
            string names = string.Join(", ", found.Children.Take(MaxShown).Select(path => $"'{DisplayText.Escape(path)}'"));
            string more = found.Count > MaxShown ? string.Create(CultureInfo.InvariantCulture, $" and {found.Count - MaxShown} more") : "";
            string journal = gone is not null && chain.FirstOrDefault(level => level.Mark is { } mark && mark.Fits(gone.Survivor)) is { } survivor
                ? $" This is to finish a {(gone.IsCommit ? "commit" : "merge")} that was interrupted; if nothing is left of that, remove '{DisplayText.Escape(MergeJournal.PathOf(survivor.Path))}'."
                : "";
            throw new ImageException(
                ImageErrorKind.InUse,
                $"{DisplayText.Escape(chain[0].Path)}: cannot {operation}: a level that this would change is also the parent of {names}{more}, which would read something else then. Rebase or flatten those first, or delete them if they are of no use.{journal}",
                chain[0].Path,
                operation);
        }

        return found.Uncertain.Count == 0;
    }

    /// <summary>The folders of the levels' files.</summary>
    public static IEnumerable<string> FoldersOf(IReadOnlyList<Level> chain) =>
        chain.Where(level => level.Storage is FileStorage).Select(level => Path.GetDirectoryName(level.Path)).OfType<string>().Distinct();
}
