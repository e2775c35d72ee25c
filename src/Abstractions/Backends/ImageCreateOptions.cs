namespace QedVd;

/// <summary>What image to make.</summary>
public sealed record ImageCreateOptions
{
    /// <summary>Size of the disk. A backend rounds it up to what its format can say and documents that.</summary>
    public required long VirtualSizeBytes { get; init; }

    /// <summary>The parent to name, or null. Only stored; the host has looked at it.</summary>
    public ParentReference? Parent { get; init; }

    /// <summary>Options of the format, by name, as described by <see cref="BackendInfo.Options"/>. An unknown name is refused.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();
}
