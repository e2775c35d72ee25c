namespace QedVd.Host;

/// <summary>What <see cref="DiskHost.AdoptParentAsync"/> found and did.</summary>
public sealed record AdoptResult
{
    /// <summary>The image; full path, not escaped.</summary>
    public required string ImagePath { get; init; }

    /// <summary>Its parent; full path, not escaped.</summary>
    public required string ParentPath { get; init; }

    /// <summary>The parent's format.</summary>
    public required string ParentFormatId { get; init; }

    /// <summary>Whether the image's link was changed, or would be but for <see cref="AdoptOptions.DryRun"/>. False when it was sound.</summary>
    public required bool IsChanged { get; init; }

    /// <summary>What was considered; empty when the link was sound.</summary>
    public required IReadOnlyList<AdoptCandidate> Candidates { get; init; }

    /// <summary>What a person should know of the parent; one line each, escaped.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}
