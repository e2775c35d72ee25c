namespace QedVd.Host;

/// <summary>What a recognised format means for someone who wants to read the file as a disk.</summary>
public enum NamedFormatKind
{
    /// <summary>An image or an archive in a format of its own: its raw bytes are not the disk's, so it is never opened as raw by guessing.</summary>
    Container = 0,

    /// <summary>What a raw disk holds (a partition table, a file system): raw is the right format to read it.</summary>
    Content = 1,
}
