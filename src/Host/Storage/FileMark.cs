namespace QedVd.Host;

/// <summary>
/// Tells a file from every other one, also from an earlier one: a file system gives the number of a deleted file to a new one. An overlay file system makes a
/// new file of one that is opened for writing, which keeps its number and gets a birth of its own.
/// </summary>
/// <param name="Identity">Its number.</param>
/// <param name="BirthStamp">When it was made, in nanoseconds; 0 where the file system does not say.</param>
internal readonly record struct FileMark(StorageIdentity Identity, long BirthStamp);
