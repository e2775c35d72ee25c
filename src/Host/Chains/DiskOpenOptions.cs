namespace QedVd.Host;

/// <summary>How to open an image and its parents as a disk.</summary>
public sealed record DiskOpenOptions
{
    /// <summary>How many levels a chain may have unless told otherwise.</summary>
    public const int DefaultMaxDepth = 200;

    /// <summary>
    /// The format of the top image ("qed", "raw"). Null: found by probing; for a writable disk one backend must be certain, so that raw is never
    /// guessed for it.
    /// </summary>
    public string? Format { get; init; }

    /// <summary>Open for reading only; not a byte is written then. Parents are always opened so.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>What a crash may cost.</summary>
    public ConsistencyMode Mode { get; init; }

    /// <summary>Take no locks and mind none, so that an image can be read while another program writes it; the outcome is the caller's. Needs <see cref="ReadOnly"/>.</summary>
    public bool ForceShare { get; init; }

    /// <summary>Accept a block device as the top image. Unless set, only a regular file is.</summary>
    public bool AllowBlockDevices { get; init; }

    /// <summary>How far the parents' names are trusted.</summary>
    public ReferenceTrust Trust { get; init; }

    /// <summary>Folders below which parents may lie, besides the top image's own.</summary>
    public IReadOnlyList<string> AllowedRoots { get; init; } = [];

    /// <summary>
    /// Formats that a parent may have when the image does not mark it as raw. "raw" in this list lets a parent that no backend is certain about
    /// be taken as raw.
    /// </summary>
    public IReadOnlyList<string> AllowedParentFormats { get; init; } = ["qed"];

    /// <summary>How many levels the chain may have, the top included.</summary>
    public int MaxDepth { get; init; } = DefaultMaxDepth;

    /// <summary>Open although a parent does not exist; what it held reads as zero. Needs <see cref="ReadOnly"/>.</summary>
    public bool AllowMissingParent { get; init; }

    /// <summary>
    /// An open disk that takes the place of the parent, whatever the image names. It must stay open longer than this one; this one does not close it.
    /// </summary>
    public VirtualDisk? ParentDisk { get; init; }

    /// <summary>Further wishes for the top image: sequential, discard, honour zeros, honour same and so on. The read-only flag follows <see cref="ReadOnly"/>.</summary>
    public ImageOpenFlags Flags { get; init; } = ImageOpenFlags.Discard;

    /// <summary>Filters between the disk and its users, topmost first; see <see cref="VirtualDisk.AddFilterAsync"/>.</summary>
    public IReadOnlyList<DiskFilter> Filters { get; init; } = [];

    /// <summary>Options of the top image's format, by name.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();
}
