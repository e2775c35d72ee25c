namespace QedVd.Host;

/// <summary>How <see cref="DiskHost.CreateOverlayAsync"/> puts an overlay on a closed image.</summary>
public sealed record CreateOverlayOptions
{
    /// <summary>The parent's format; null: found by probing, with certainty.</summary>
    public string? ParentFormat { get; init; }

    /// <summary>The overlay's format; null: the parent's own when it can name a parent, else "qed".</summary>
    public string? FormatId { get; init; }

    /// <summary>Size of the overlay's disk; null: the parent's.</summary>
    public long? VirtualSizeBytes { get; init; }

    /// <summary>Record the parent's full path even where a relative one would do.</summary>
    public bool AbsoluteParentName { get; init; }

    /// <summary>Replace a file that exists.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Options of the overlay's format, by name; empty: the parent's own block size where the format allows.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();
}
