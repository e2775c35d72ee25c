namespace QedVd;

/// <summary>How to open an image.</summary>
public sealed record ImageOpenOptions
{
    /// <summary>Read-only, for information, and so on.</summary>
    public ImageOpenFlags Flags { get; init; }

    /// <summary>What a crash may cost.</summary>
    public ConsistencyMode Mode { get; init; }

    /// <summary>The host's memory for tables, shared by all its images; null gives the image one of <see cref="TablePool.DefaultBudgetBytes"/>.</summary>
    public TablePool? Tables { get; init; }

    /// <summary>Opens the further files of a format that has several; null when there are none to be had.</summary>
    public IStorageProvider? Provider { get; init; }

    /// <summary>The clock for everything that happens after a while.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Options of the format, by name.</summary>
    public IReadOnlyDictionary<string, string> FormatOptions { get; init; } = new Dictionary<string, string>();
}
