namespace QedVd.Host;

/// <summary>How flattening (<see cref="VirtualDisk"/>) makes a disk independent of its parents.</summary>
public sealed record FlattenOptions : ChainOperationOptions;
