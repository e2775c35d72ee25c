namespace QedVd.Host;

/// <summary>A merge that was interrupted: its journal lies beside the image that was to survive. Doing the same merge again completes it.</summary>
/// <param name="JournalPath">The journal's full path; not escaped.</param>
/// <param name="SurvivorPath">The full path of the image; not escaped. It need not exist.</param>
public sealed record UnfinishedMerge(string JournalPath, string SurvivorPath)
{
    /// <summary>What a journal's name ends in. It starts with a dot, and the survivor's name lies between.</summary>
    internal const string Suffix = ".qedvd-merge";

    /// <summary>The merge that a file is the journal of by its name; null for any other file.</summary>
    internal static UnfinishedMerge? Of(string path)
    {
        string name = System.IO.Path.GetFileName(path);
        return name.Length > Suffix.Length + 1 && name[0] == '.' && name.EndsWith(Suffix, StringComparison.Ordinal)
            ? new UnfinishedMerge(path, System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path)!, name[1..^Suffix.Length]))
            : null;
    }
}
