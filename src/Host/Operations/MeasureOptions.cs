namespace QedVd.Host;

/// <summary>What a measurement (<see cref="DiskHost"/>) is asked about: an image that would be made by a conversion.</summary>
public sealed record MeasureOptions
{
    /// <summary>The format of the image to be made.</summary>
    public required string TargetFormat { get; init; }

    /// <summary>Options of that format, by name.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>How the source and its parents are opened; always read-only.</summary>
    public DiskOpenOptions Source { get; init; } = new();

    /// <summary>The parent that the image is to have, as in <see cref="ConvertOptions.ParentPath"/>; null: none.</summary>
    public string? ParentPath { get; init; }

    /// <summary>The parent's format; null: found by probing, with certainty.</summary>
    public string? ParentFormat { get; init; }
}
