namespace QedVd.Host;

/// <summary>How <see cref="VirtualDisk.SnapshotAsync"/> makes the new top.</summary>
public sealed record SnapshotOptions
{
    /// <summary>The overlay's format; null: the top's own when it can name a parent, else "qed".</summary>
    public string? FormatId { get; init; }

    /// <summary>Options of the overlay's format, by name; empty: the top's own block size where the format allows.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>Replace a file that exists already. Refused for a file of the chain.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Record the parent's full path even where a relative one would do.</summary>
    public bool AbsoluteParentName { get; init; }
}
