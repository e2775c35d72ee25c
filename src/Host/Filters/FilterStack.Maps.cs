namespace QedVd.Host;

/// <content>What maps and limits say above the filters.</content>
internal sealed partial class FilterStack
{
    /// <summary>Tells the filters that the disk has another size.</summary>
    public void Resized()
    {
        foreach (DiskFilter filter in _filters)
        {
            filter.Resized();
        }
    }

    /// <summary>Tells the filters that the disk holds something else.</summary>
    public void Reverted()
    {
        foreach (DiskFilter filter in _filters)
        {
            filter.Reverted();
        }
    }

    /// <summary>What an answer of the chain means above.</summary>
    public DiskExtent Above(DiskExtent extent) =>
        !ChangesContent || (!ChangesZeroes && extent.Kind != ExtentKind.Data)
            ? extent
            : extent with { Kind = ExtentKind.Data, StorageOffset = Extent.NoOffset };

    public void Above(Span<DiskExtent> extents)
    {
        if (ChangesContent)
        {
            foreach (ref DiskExtent extent in extents)
            {
                extent = Above(extent);
            }
        }
    }

    public Extent Above(Extent extent) =>
        !ChangesContent || (!ChangesZeroes && extent.Kind != ExtentKind.Data)
            ? extent
            : extent with { Kind = ExtentKind.Data, StorageOffset = Extent.NoOffset };

    public DiskLimits Above(DiskLimits limits) => limits with
    {
        PhysicalBlockBytes = Math.Max(limits.PhysicalBlockBytes, AlignmentBytes),
        BestIoBytes = Math.Max(limits.BestIoBytes, AlignmentBytes),
        DiscardGranularityBytes = ChangesZeroes || limits.DiscardGranularityBytes == 0 ? 0 : Math.Max(limits.DiscardGranularityBytes, AlignmentBytes),
        CanZeroFast = limits.CanZeroFast && !ChangesZeroes,
    };

    /// <summary>Whether a zero request for the range can pass without data being written, so far as it depends on the filters.</summary>
    public bool MayZeroFast(long offset, long lengthBytes)
    {
        int unit = AlignmentBytes;
        long end = offset + lengthBytes;
        return !ChangesZeroes && offset % unit == 0 && (end % unit == 0 || end == LengthBytes);
    }
}
