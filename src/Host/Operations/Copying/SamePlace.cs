namespace QedVd.Host;

/// <summary>Tells runs of two disks that are the very same bytes of one file: two chains over one base.</summary>
internal static class SamePlace
{
    /// <summary>
    /// Whether both runs show the same bytes at an offset, so that there is nothing to read. Only of files that nobody writes here: one that is the
    /// writable top of a disk may move what it holds.
    /// </summary>
    public static bool Are(VirtualDisk first, in DiskExtent a, VirtualDisk second, in DiskExtent b, long offset) =>
        a.StorageOffset != Extent.NoOffset && b.StorageOffset != Extent.NoOffset
        && a.StorageOffset + (offset - a.OffsetBytes) == b.StorageOffset + (offset - b.OffsetBytes)
        && first.FindFixedFile(a) is { } file && file == second.FindFixedFile(b);
}
