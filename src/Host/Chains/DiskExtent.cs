namespace QedVd.Host;

/// <summary>A run of a disk that one level of its chain answers in one way.</summary>
public readonly record struct DiskExtent
{
    /// <summary>Where the run starts on the disk, in bytes.</summary>
    public required long OffsetBytes { get; init; }

    /// <summary>Its length in bytes; at least 1.</summary>
    public required long LengthBytes { get; init; }

    /// <summary>Data or zero; <see cref="ExtentKind.Free"/> when no level holds the run, so that it reads as zero.</summary>
    public required ExtentKind Kind { get; init; }

    /// <summary>The level that decides, 0 is the top; for a free run the number of levels.</summary>
    public required int Depth { get; init; }

    /// <summary>Where the run lies in that level's storage as one piece, or <see cref="Extent.NoOffset"/>.</summary>
    public required long StorageOffset { get; init; }

    /// <summary>That level's file; null for a free run.</summary>
    public required string? Path { get; init; }

    /// <summary>Whether the run has a place in that level's storage. A zero run may have one too.</summary>
    public required bool IsAllocated { get; init; }

    /// <summary>Where the run ends on the disk.</summary>
    public long EndBytes => OffsetBytes + LengthBytes;

    /// <summary>Whether the run reads as zero.</summary>
    public bool ReadsZero => Kind != ExtentKind.Data;
}
