namespace QedVd.TestKit;

/// <summary>An entry of a <see cref="FolderTrace"/>, in the order in which the calls ended. Exactly one of its parts is given.</summary>
public sealed record FolderEvent
{
    /// <summary>Its place.</summary>
    public required int Index { get; init; }

    /// <summary>The file that changed, or was made durable; null for what concerns names.</summary>
    public TracedFile? File { get; init; }

    /// <summary>What changed in it: a write, a length, a hole, or room taken.</summary>
    public StorageOperation? Change { get; init; }

    /// <summary>What changed among the names.</summary>
    public NameChange? Names { get; init; }

    /// <summary>The folder whose names were made durable; "" the traced one itself.</summary>
    public string? DurableFolder { get; init; }

    /// <summary>Of what makes durable: events before this index are covered, of that file or folder.</summary>
    public int CoveredCount { get; init; }

    /// <inheritdoc/>
    public override string ToString() =>
        Change is not null ? $"{File}: {Change}" : Names is not null ? $"#{Index} {Names}" : DurableFolder is not null ? $"#{Index} fsync of the folder '{DurableFolder}'" : $"#{Index} fsync of {File}";
}
