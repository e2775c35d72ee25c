using QedVd.Host;

namespace QedVd.Cli.CommandLine;

/// <summary>Finds the level of a chain that the user names by its file.</summary>
internal static class LevelFinder
{
    /// <summary>The level's depth.</summary>
    /// <param name="levels">The files of the levels, top first; full paths.</param>
    /// <param name="given">The file as it is named: relative to the working folder or, as an image names its parent, to the top's folder.</param>
    /// <param name="givenTop">The top as it is named.</param>
    /// <param name="optionName">The option that names the level.</param>
    public static int Find(IReadOnlyList<string> levels, string given, string givenTop, string optionName)
    {
        string beside = Path.GetFullPath(given, Path.GetDirectoryName(levels[0]) ?? "/");
        foreach (string path in (string[])[HostPath.Full(given), beside])
        {
            StorageIdentity? identity = IdentityOf(path);
            for (int depth = 0; depth < levels.Count; depth++)
            {
                if (levels[depth] == path || (identity is { } file && IdentityOf(levels[depth]) == file))
                {
                    return depth;
                }
            }
        }

        string names = string.Join(", ", levels.Skip(1).Take(5).Select(path => $"'{HostPath.LikeGiven(givenTop, path)}'"));
        throw new CliException(levels.Count == 1
            ? $"{optionName}: '{given}' is no level of '{givenTop}', which has no parents."
            : $"{optionName}: '{given}' is no level of '{givenTop}'. Beneath it are {names}{(levels.Count > 6 ? ", ..." : "")}.");
    }

    /// <summary>Which file it is: links and hard links lead to the same.</summary>
    private static StorageIdentity? IdentityOf(string path)
    {
        try
        {
            using FileStorage file = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });
            return file.Identity;
        }
        catch (ImageException)
        {
            return null;
        }
    }
}
