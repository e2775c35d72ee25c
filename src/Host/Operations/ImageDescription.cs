namespace QedVd.Host;

/// <summary>What can be said of one image. Texts that come from the image are escaped for display, unless said otherwise.</summary>
public sealed record ImageDescription
{
    /// <summary>The full path; not escaped.</summary>
    public required string Path { get; init; }

    /// <summary>The format's id.</summary>
    public required string FormatId { get; init; }

    /// <summary>The format's name for people.</summary>
    public required string FormatName { get; init; }

    /// <summary>The version of the format.</summary>
    public required string FormatVersion { get; init; }

    /// <summary>Size of the disk.</summary>
    public required long VirtualSizeBytes { get; init; }

    /// <summary>The unit of allocation (QED: the cluster); 1 when there is none.</summary>
    public required int BlockBytes { get; init; }

    /// <summary>Length of the file.</summary>
    public required long FileLengthBytes { get; init; }

    /// <summary>What the file uses on its volume.</summary>
    public required long AllocatedBytes { get; init; }

    /// <summary>What the image is.</summary>
    public required ImageFlags Flags { get; init; }

    /// <summary>Whether the format's own mark says that the image was not closed cleanly.</summary>
    public bool IsDirty => (Flags & ImageFlags.NeedsCheck) != 0;

    /// <summary>The parent as the image names it, escaped; null if none.</summary>
    public required string? ParentName { get; init; }

    /// <summary>The same, the very bytes; empty if none.</summary>
    public required ReadOnlyMemory<byte> ParentNameBytes { get; init; }

    /// <summary>The parent's format where the image says it.</summary>
    public required string? ParentFormatId { get; init; }

    /// <summary>
    /// The full path that the parent's name means, not escaped; null if there is no parent or the name is not a plain file name.
    /// Worked out from the names alone: nothing was opened or looked at.
    /// </summary>
    public required string? ParentPath { get; init; }

    /// <summary>What a person should know; escaped, one line each.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What the format has to say of this image, for people; escaped, one line each.</summary>
    public required IReadOnlyList<string> FormatLines { get; init; }

    /// <summary>Whether other programs are kept out by locks that QEMU understands.</summary>
    public required bool HasImageLocks { get; init; }
}
