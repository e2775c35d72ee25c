namespace QedVd.Host;

/// <summary>What a disk tells a virtual machine about itself.</summary>
internal static class DiskFacts
{
    private const int SectorBytes = ImageRegion.SectorBytes;
    private const int PageBytes = 4096;

    // What the largest requests of common guests stay below, and a multiple of every block size.
    private const long MaxDiscardBytes = 1L << 30;

    // The usual translation: 63 sectors per track, as many heads as 1024 cylinders need, at most 255; beyond it the classic limit of ATA.
    private const int SectorsPerTrack = 63;
    private const int MaxHeads = 255;
    private const int MaxCylinders = 1024;
    private const int AtaCylinders = 16383;
    private const int AtaHeads = 16;

    public static DiskLimits LimitsOf(Generation generation)
    {
        ImageLimits top = generation.Top.Limits;
        int alignment = generation.Images.Max(image => Math.Max(1, image.Limits.AlignmentBytes));
        bool discards = !generation.Top.IsReadOnly && (generation.Top.Capabilities & ImageCapabilities.Discard) != 0;
        return new DiskLimits(
            LogicalBlockBytes: Math.Max(SectorBytes, alignment),
            PhysicalBlockBytes: Math.Max(PageBytes, alignment),
            BestIoBytes: Math.Max(Math.Max(PageBytes, top.BestIoBytes), top.BlockBytes),
            DiscardGranularityBytes: discards ? Math.Max(SectorBytes, Math.Min(top.BlockBytes, PageBytes)) : 0,
            MaxDiscardBytes: MaxDiscardBytes,
            AlignmentBytes: alignment,
            CanZeroFast: VirtualDisk.ZeroesWholeBlocksFast(generation));
    }

    public static DiskGeometry StandardGeometry(long lengthBytes)
    {
        long sectors = lengthBytes / SectorBytes;
        if (sectors <= (long)AtaCylinders * AtaHeads * SectorsPerTrack && sectors <= (long)MaxCylinders * AtaHeads * SectorsPerTrack)
        {
            return new DiskGeometry((int)(sectors / (AtaHeads * SectorsPerTrack)), AtaHeads, SectorsPerTrack);
        }

        foreach (int heads in (ReadOnlySpan<int>)[32, 64, 128, MaxHeads])
        {
            long cylinders = sectors / ((long)heads * SectorsPerTrack);
            if (cylinders <= MaxCylinders)
            {
                return new DiskGeometry((int)cylinders, heads, SectorsPerTrack);
            }
        }

        return new DiskGeometry(AtaCylinders, AtaHeads, SectorsPerTrack);
    }
}
