namespace QedVd.Host;

/// <summary>Sizes that a virtual machine should tell its guest, in bytes.</summary>
/// <param name="LogicalBlockBytes">The smallest unit that the guest should address; a multiple of <paramref name="AlignmentBytes"/>.</param>
/// <param name="PhysicalBlockBytes">Requests that are no multiples of this cost more.</param>
/// <param name="BestIoBytes">Requests of this size and alignment are served best: the largest block of the chain's writable level.</param>
/// <param name="DiscardGranularityBytes">Discards of less than this give nothing back; 0 when discarding does nothing.</param>
/// <param name="MaxDiscardBytes">The largest discard or zero request worth sending; longer ones are accepted.</param>
/// <param name="AlignmentBytes">Offsets and lengths that this disk accepts are multiples of this; usually 1.</param>
/// <param name="CanZeroFast">
/// Whether zero requests write no data when they cover whole blocks of <paramref name="BestIoBytes"/>. For other ranges <see cref="VirtualDisk.CanZeroFast"/> tells.
/// </param>
public readonly record struct DiskLimits(
    int LogicalBlockBytes,
    int PhysicalBlockBytes,
    int BestIoBytes,
    int DiscardGranularityBytes,
    long MaxDiscardBytes,
    int AlignmentBytes,
    bool CanZeroFast = false);
