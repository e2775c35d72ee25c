namespace QedVd.Host;

/// <summary>A file that a journal names.</summary>
/// <param name="Mark">Which one it is.</param>
/// <param name="LengthBytes">How long it was.</param>
/// <param name="Path">Its full path; not escaped.</param>
internal sealed record JournalFile(FileMark Mark, long LengthBytes, string Path)
{
    /// <summary>Whether its name still leads to it.</summary>
    public bool IsInPlace => FilePeek.At(Path) is { IsRegular: true } found && Mark.Fits(found.Mark);

    /// <summary>Where it is now, as far as its folder tells; its old path where that cannot be seen. Null: not there.</summary>
    public string? FindPath()
    {
        if (IsInPlace)
        {
            return Path;
        }

        try
        {
            return FolderListing.Of(System.IO.Path.GetDirectoryName(Path)!).FirstOrDefault(path => FilePeek.At(path).Mark == Mark);
        }
        catch (ImageException)
        {
            return Path;
        }
    }

    /// <summary>Null for a level that is no file.</summary>
    public static JournalFile? Of(Level? level) =>
        level?.Storage is FileStorage storage ? new JournalFile(storage.File.Mark, storage.GetLength(), level.Path) : null;

    /// <summary>Whether this is the file. A number alone, where the file system knows no births, is no proof under another name.</summary>
    public bool Is(FileMark? found) => found is { } mark && Mark.Fits(mark) && (Mark.HasBirthBeside(mark) || IsInPlace);

    /// <summary>Whether this is the file, or what became of it: an overlay file system makes a new one of a file that is opened for writing, with its number and name.</summary>
    public bool IsStill(FileMark? found) => Is(found) || (found?.Identity == Mark.Identity && FilePeek.At(Path) is { IsRegular: true } there && there.Identity == Mark.Identity);
}
