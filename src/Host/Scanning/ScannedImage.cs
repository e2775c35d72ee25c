namespace QedVd.Host;

/// <summary>One image of a scan, as its header described it when it was read.</summary>
public sealed class ScannedImage
{
    private readonly List<ScannedImage> _children = [];

    internal ScannedImage(string path, ImageHeader header)
    {
        Path = path;
        Header = header;
        FormatId = header.FormatId!;
    }

    /// <summary>The full path; not escaped.</summary>
    public string Path { get; }

    /// <summary>Other names of the same file among those that were looked at (links of both kinds); full paths, not escaped.</summary>
    public IReadOnlyList<string> OtherPaths { get; internal init; } = [];

    /// <summary>The format's id. "raw" only where a child says so, or the caller allows it for parents.</summary>
    public string FormatId { get; }

    /// <summary>Size of the disk.</summary>
    public long VirtualSizeBytes => Header.VirtualSizeBytes;

    /// <summary>Length of the file.</summary>
    public long FileLengthBytes => Header.FileLengthBytes;

    /// <summary>What the file uses on its volume.</summary>
    public long AllocatedBytes => Header.AllocatedBytes;

    /// <summary>What the image is.</summary>
    public ImageFlags Flags => Header.Flags;

    /// <summary>The parent as the image names it, escaped; null if none.</summary>
    public string? ParentName => Header.Parent is { } parent ? DisplayText.Escape(parent.NameBytes) : null;

    /// <summary>The same, the very bytes; empty if none.</summary>
    public ReadOnlyMemory<byte> ParentNameBytes => Header.Parent is { } parent ? parent.NameBytes.ToArray() : default;

    /// <summary>The parent's format where the image says it.</summary>
    public string? ParentFormatId => Header.Parent?.FormatId;

    /// <summary>The full path that the parent's name means, not escaped; null if there is no parent or the name is not a plain file name. Worked out from the names alone.</summary>
    public string? ParentPath => Host.ParentName.TryResolve(Header.Parent, Path);

    /// <summary>What became of the parent.</summary>
    public LinkState Link { get; private set; }

    /// <summary>Why the link is as it is and what would help, one line, escaped; empty when there is nothing to say.</summary>
    public string Explanation { get; private set; } = "";

    /// <summary>The parent where it is <see cref="LinkState.Found"/>, else null.</summary>
    public ScannedImage? Parent { get; private set; }

    /// <summary>The images whose parent this is, by path.</summary>
    public IReadOnlyList<ScannedImage> Children => _children;

    /// <summary>What a person should know; escaped, one line each.</summary>
    public IReadOnlyList<string> Warnings => Header.Warnings;

    internal ImageHeader Header { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{DisplayText.Escape(Path)} ({FormatId}, {Link})";

    internal void SetLink(LinkState link, string explanation, ScannedImage? parent = null) => (Link, Explanation, Parent) = (link, explanation, parent);

    /// <summary>Once every link is final: the parent learns of this image.</summary>
    internal void Hang() => Parent?._children.Add(this);
}
