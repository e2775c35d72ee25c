namespace QedVd.Host;

/// <summary>
/// Tells a file from others, and where the file system tells births, also from an earlier one: the number of a deleted file is given to a new one. An overlay
/// file system makes a new file of one that is opened for writing, which keeps its number and gets a birth of its own.
/// </summary>
/// <param name="Identity">Its number.</param>
/// <param name="BirthStamp">When it was made, in nanoseconds; 0 where the file system does not say.</param>
internal readonly record struct FileMark(StorageIdentity Identity, long BirthStamp)
{
    /// <summary>Whether both say when their file was made.</summary>
    public bool HasBirthBeside(FileMark other) => BirthStamp != 0 && other.BirthStamp != 0;

    /// <summary>Whether they may be of one file: where one of them does not say when it was made, the number has to do.</summary>
    public bool Fits(FileMark other) => Identity == other.Identity && (BirthStamp == other.BirthStamp || !HasBirthBeside(other));
}
