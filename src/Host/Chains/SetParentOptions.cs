namespace QedVd.Host;

/// <summary>How the name of a parent is stored (<see cref="VirtualDisk.SetParentNameAsync"/>, <see cref="DiskHost.SetParentNameAsync"/>).</summary>
public sealed record SetParentOptions
{
    /// <summary>
    /// The parent's format; "raw" is marked in the image, so that nobody ever probes that parent. Null: the parent is opened to find out, and a backend
    /// must be certain: raw is never guessed.
    /// </summary>
    public string? Format { get; init; }

    /// <summary>Record the full path even where a relative one would do.</summary>
    public bool AbsoluteName { get; init; }

    /// <summary>
    /// Store the name exactly as it is given: relative to the image's folder, not to the process's. When <see cref="Format"/> is null the name is followed
    /// as an image's own is: a plain file name that leads to a place below the image's folder.
    /// </summary>
    public bool Verbatim { get; init; }
}
