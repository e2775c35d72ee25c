namespace QedVd.Host;

/// <summary>A file that a journal names.</summary>
/// <param name="Identity">Which one it is.</param>
/// <param name="LengthBytes">How long it was.</param>
/// <param name="Path">Its full path; not escaped.</param>
internal sealed record JournalFile(StorageIdentity Identity, long LengthBytes, string Path)
{
    /// <summary>Null for a level that is no file.</summary>
    public static JournalFile? Of(Level? level) =>
        level?.Storage is FileStorage storage ? new JournalFile(storage.Identity, storage.GetLength(), level.Path) : null;
}
