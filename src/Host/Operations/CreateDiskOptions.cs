namespace QedVd.Host;

/// <summary>What <see cref="DiskHost.CreateImageAsync"/> makes.</summary>
public sealed record CreateDiskOptions
{
    /// <summary>Size of the disk in bytes; null: the parent's. The format may round it up.</summary>
    public long? VirtualSizeBytes { get; init; }

    /// <summary>The parent's name, stored as it is; relative to the new file's folder. Null: none.</summary>
    public string? ParentName { get; init; }

    /// <summary>The parent's format. Needed with a parent, and checked against it.</summary>
    public string? ParentFormat { get; init; }

    /// <summary>Store the parent's name without looking at it; needs a size.</summary>
    public bool DoNotOpenParent { get; init; }

    /// <summary>Replace a file that exists. It goes only once the new one is complete, and under its locks.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Options of the format, by name.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();
}
