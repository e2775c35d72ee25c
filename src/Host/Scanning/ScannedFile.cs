namespace QedVd.Host;

/// <summary>One regular file of a scan: an image, or perhaps the raw parent of one.</summary>
/// <param name="path">The name by which it was read.</param>
/// <param name="root">The folder that links may not lead out of, when it is read again.</param>
/// <param name="header">What was read.</param>
internal sealed class ScannedFile(string path, string? root, ImageHeader header)
{
    public string Path => path;

    public string? Root => root;

    public ImageHeader Header => header;

    public List<string> OtherPaths { get; } = [];

    /// <summary>Null for what is no image, as long as nobody names it as a parent.</summary>
    public ScannedImage? Image { get; set; }
}
