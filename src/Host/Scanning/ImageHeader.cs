namespace QedVd.Host;

/// <summary>What a file says of itself, read without locks and without anything that it names.</summary>
internal sealed record ImageHeader
{
    public required StorageIdentity Identity { get; init; }

    public required long FileLengthBytes { get; init; }

    /// <summary>Every backend's answer.</summary>
    public required ProbeReport Report { get; init; }

    /// <summary>The format that is certain; null for what may be raw, or anything.</summary>
    public string? FormatId { get; init; }

    public long VirtualSizeBytes { get; init; }

    public long AllocatedBytes { get; init; }

    public ImageFlags Flags { get; init; }

    /// <summary>The parent as the image names it; null if none. Of an image that no backend is for, where its header says it in plain text.</summary>
    public ParentReference? Parent { get; init; }

    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Why the image could not be opened, though its format is certain.</summary>
    public ImageException? Error { get; init; }
}
