namespace QedVd.Host;

/// <summary>How one image is looked at, without its parents.</summary>
public sealed record ImageOpenRequest
{
    /// <summary>The format; null: found by probing. Where no backend is certain, raw is taken for reading if it is the only one left.</summary>
    public string? Format { get; init; }

    /// <summary>Take no locks and mind none.</summary>
    public bool ForceShare { get; init; }

    /// <summary>Wanted for its content, not for information only.</summary>
    public bool ForContent { get; init; }
}
