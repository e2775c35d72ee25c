namespace QedVd.Hostile.Tests.Mutation;

/// <summary>What a mutation changes.</summary>
internal enum MutatedStructure
{
    Magic = 0,
    ClusterSize = 1,
    TableSize = 2,
    HeaderSize = 3,
    Features = 4,
    CompatFeatures = 5,
    AutoclearFeatures = 6,
    L1Offset = 7,
    VirtualSize = 8,
    NameOffset = 9,
    NameSize = 10,
    L1Entry = 11,
    L2Entry = 12,
    FileLength = 13,
    Name = 14,
    AnyBits = 15,
}
