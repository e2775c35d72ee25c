namespace QedVd;

/// <summary>Sizes that a user of an image should know, in bytes.</summary>
/// <param name="AlignmentBytes">Offsets and lengths of requests must be multiples of this. QED and raw: 1.</param>
/// <param name="BlockBytes">Unit of allocation (QED: the cluster); 1 when there is none.</param>
/// <param name="BestIoBytes">Requests of this size and alignment are served best.</param>
public readonly record struct ImageLimits(int AlignmentBytes, int BlockBytes, int BestIoBytes);
