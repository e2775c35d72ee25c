namespace QedVd.Backends.Qed;

/// <summary>What an opening found out and decided, for the image that goes on from there. Nothing in it needs to be proven again.</summary>
internal sealed record QedImageStart
{
    public required BackendInfo Backend { get; init; }

    /// <summary>The image owns it from here on.</summary>
    public required IImageStorage Storage { get; init; }

    /// <summary>The header as the storage has it now: on a read-write opening without NEED_CHECK and without unknown autoclear bits.</summary>
    public required QedHeader Header { get; init; }

    /// <summary>The parent as the header names it, or null.</summary>
    public required ParentReference? Parent { get; init; }

    public required ImageOpenOptions Options { get; init; }

    /// <summary>The length of the storage when it was examined. What lies behind the last whole cluster is not part of the image.</summary>
    public required long FileLengthBytes { get; init; }

    /// <summary>For <see cref="IDiskImage.Warnings"/>.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>
    /// Read-write openings: no cluster may be handed out behind this, because an L1 entry names that place already, beyond the end of the file.
    /// What was written there would later be taken for the table.
    /// </summary>
    public long GrowthLimitBytes { get; init; } = long.MaxValue;

    /// <summary>
    /// Read-write openings: where all the L2 tables are, so that what names one of them as data is refused before it is written. Null when a check has found
    /// that nothing does, and when nothing is to be written, see <see cref="TableCensus"/>. The image's own from here on.
    /// </summary>
    public KnownTables? Tables { get; init; }

    public bool IsReadOnly => (Options.Flags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) != 0;
}
