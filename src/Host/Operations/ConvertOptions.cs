namespace QedVd.Host;

/// <summary>How a conversion (<see cref="DiskHost"/>) copies a disk into a new image.</summary>
public sealed record ConvertOptions
{
    /// <summary>The target's format. Required.</summary>
    public required string TargetFormat { get; init; }

    /// <summary>How the source and its parents are opened; it is always opened read-only.</summary>
    public DiskOpenOptions Source { get; init; } = new();

    /// <summary>Options of the target's format, by name.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>Replace a file that exists. Never one of the source's chain.</summary>
    public bool Overwrite { get; init; }

    /// <summary>The unit in which zeros inside of data are found and left out, in bytes; 0: data is copied as it is.</summary>
    public int ZeroBlockBytes { get; init; } = 4096;
}
