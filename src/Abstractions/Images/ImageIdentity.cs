namespace QedVd;

/// <summary>What some formats store to identify an image and the very state of the parent that it was made on. QED stores none of it.</summary>
public sealed record ImageIdentity
{
    /// <summary>The image.</summary>
    public Guid? ImageId { get; init; }

    /// <summary>Changes when the image's content changes.</summary>
    public Guid? ModificationId { get; init; }

    /// <summary>The parent's <see cref="ImageId"/>.</summary>
    public Guid? ParentId { get; init; }

    /// <summary>The parent's <see cref="ModificationId"/> when this image was made.</summary>
    public Guid? ParentModificationId { get; init; }

    /// <summary>When the parent was last changed.</summary>
    public DateTimeOffset? ParentTimestampUtc { get; init; }

    /// <summary>When the image was last changed.</summary>
    public DateTimeOffset? TimestampUtc { get; init; }

    /// <summary>A text for people.</summary>
    public string? Comment { get; init; }
}
