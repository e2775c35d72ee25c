namespace QedVd.Host;

/// <summary>A file that a journal names.</summary>
/// <param name="Identity">Which one it is.</param>
/// <param name="LengthBytes">How long it was.</param>
/// <param name="Path">Its full path; not escaped.</param>
internal sealed record JournalFile(StorageIdentity Identity, long LengthBytes, string Path)
{
    /// <summary>Whether its name still leads to it. A file system gives the number of a deleted file to a new one: under another name it is no proof.</summary>
    public bool Exists => FilePeek.At(Path) is { IsRegular: true } found && found.Identity == Identity;

    /// <summary>Null for a level that is no file.</summary>
    public static JournalFile? Of(Level? level) =>
        level?.Storage is FileStorage storage ? new JournalFile(storage.Identity, storage.GetLength(), level.Path) : null;
}
