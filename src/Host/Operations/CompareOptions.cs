namespace QedVd.Host;

/// <summary>How a comparison (<see cref="DiskHost"/>) opens the two disks; both are always opened read-only.</summary>
public sealed record CompareOptions
{
    /// <summary>The first.</summary>
    public DiskOpenOptions First { get; init; } = new();

    /// <summary>The second.</summary>
    public DiskOpenOptions Second { get; init; } = new();

    /// <summary>Disks of different lengths differ, even if the longer one is zero beyond the shorter.</summary>
    public bool RequireSameLength { get; init; }
}
