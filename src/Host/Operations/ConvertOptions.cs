namespace QedVd.Host;

/// <summary>How a conversion (<see cref="DiskHost"/>) copies a disk.</summary>
public sealed record ConvertOptions
{
    /// <summary>The target's format. Required for a new image; of one that exists, null: found by probing, with certainty.</summary>
    public string? TargetFormat { get; init; }

    /// <summary>How the source and its parents are opened; it is always opened read-only.</summary>
    public DiskOpenOptions Source { get; init; } = new();

    /// <summary>Options of the target's format, by name. Only for a new image.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// The new image's parent, a file; null: none. Only what reads otherwise than the parent is stored, zeros over its data as zeros. Its name is recorded
    /// relative to the new image where that means the same to everybody. It is opened as <see cref="Source"/> says, but for the format.
    /// </summary>
    public string? ParentPath { get; init; }

    /// <summary>The parent's format; null: found by probing, with certainty.</summary>
    public string? ParentFormat { get; init; }

    /// <summary>
    /// The target exists and is written to, under its locks; it must be at least as long as the source. What lies beyond the source's end is left as it is;
    /// before it, the target reads as the source afterwards, zeros included. Stopped half way it is a valid image with a part of that; running it again completes it.
    /// </summary>
    public bool IntoExisting { get; init; }

    /// <summary>Replace a file that exists. Never one of the source's chain, or of the parent's.</summary>
    public bool Overwrite { get; init; }

    /// <summary>
    /// What a crash may cost. A new image gets its name when it is durable, except with <see cref="ConsistencyMode.Unsafe"/>: then after a power cut it may
    /// have its name and not all of its data. One that exists is opened so.
    /// </summary>
    public ConsistencyMode TargetMode { get; init; }

    /// <summary>
    /// The unit in which zeros inside of data are found and left out, in bytes. 0: nothing is left out, zeros and holes are written as data, so that all of the
    /// target has its place in the file; only with <see cref="ParentPath"/> what reads as the parent is left to it all the same.
    /// </summary>
    public int ZeroBlockBytes { get; init; } = 4096;

    /// <summary>How many pieces are worked on at a time, 1 to 16; null: as many as the processor is good for.</summary>
    public int? Workers { get; init; }

    /// <summary>How much may be copied per second, in bytes; 0: as fast as it goes.</summary>
    public long MaxBytesPerSecond { get; init; }

    /// <summary>Begin even where the volume seems to have too little room; a full volume then stops the operation half way, cleanly.</summary>
    public bool SkipSpaceCheck { get; init; }
}
