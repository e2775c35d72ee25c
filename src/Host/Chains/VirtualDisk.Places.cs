namespace QedVd.Host;

/// <content>Where a run lies, for those who copy and compare.</content>
public sealed partial class VirtualDisk
{
    /// <summary>The unit in which the top image allocates.</summary>
    internal int TopBlockBytes => _generation.TopBlockBytes;

    /// <summary>The file that a run lies in, when nothing moves it there while the disk is open: a level that is open for reading only. Else null.</summary>
    internal StorageIdentity? FindFixedFile(in DiskExtent extent)
    {
        Generation generation = _generation;
        if ((uint)extent.Depth >= (uint)generation.Levels.Length)
        {
            return null;
        }

        Level level = generation.Levels[extent.Depth];
        return level.Image.IsReadOnly && level.Storage is { IsReadOnly: true } storage && level.Path == extent.Path ? storage.Identity : null;
    }
}
