namespace QedVd.Crashes.Tests.Images;

/// <summary>The classes of positions.</summary>
internal enum QedPlace
{
    ExistingCluster,
    ExistingTable,
    NewTable,
    ZeroCluster,
    ParentHit,
    ParentEnd,
    Tail,
}
