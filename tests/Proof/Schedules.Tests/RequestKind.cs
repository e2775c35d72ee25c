namespace QedVd.Schedules.Tests;

/// <summary>What guests ask for.</summary>
internal enum RequestKind
{
    Read,
    Write,
    DurableWrite,
    Zero,
    ZeroWithRoom,
    Discard,
    Flush,
    Map,
}
