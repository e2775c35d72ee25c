namespace QedVd.Host;

/// <summary>One image of a chain, with what the host knows about it.</summary>
internal sealed partial class Level
{
    public required IDiskImage Image { get; init; }

    /// <summary>The full path, or the storage's name. Of an open disk: what it is called now.</summary>
    public required string Path
    {
        get => Image is DiskAsImage ? Image.Name : field;
        init;
    }

    public required string FormatId { get; init; }

    /// <summary>The image's storage, where the host opened it; the image owns it.</summary>
    public IImageStorage? Storage { get; init; }

    /// <summary>Which file it is; null where it is none.</summary>
    public FileMark? Mark => (Storage as FileStorage)?.File.Mark;

    /// <summary>Keeps the backend's plugin loaded until the image has closed.</summary>
    public BackendLease? Lease { get; init; }

    /// <summary>What the host has to say of this level, besides the image.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Whether the bytes may change while this disk is open: true for an open disk given as a parent that is writable, or lies over such a one.</summary>
    public bool IsMutable { get; init; }

    /// <summary>The same level after its file has got another name.</summary>
    public Level At(string path) => new()
    {
        Image = Image,
        Path = path,
        FormatId = FormatId,
        Storage = Storage,
        Lease = Lease,
        Warnings = Warnings,
        IsMutable = IsMutable,
    };
}
