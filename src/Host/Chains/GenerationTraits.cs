namespace QedVd.Host;

/// <summary>What may be special about a generation for a while. Nothing is, by default.</summary>
internal readonly record struct GenerationTraits
{
    /// <summary>What the guest may address; null: all of the top. Less of it while a disk is shrunk.</summary>
    public long? LengthBytes { get; init; }

    /// <summary>The top names another parent than it is composed with: what it does not hold itself may read as something else once it is opened again.</summary>
    public bool IsParentRenamed { get; init; }

    /// <summary>The levels beneath the top are being changed, though what they read where the top holds nothing stays the same until the next generation.</summary>
    public bool IsRearranging { get; init; }

    /// <summary>Takes down what the guest changes.</summary>
    public ChangeTracker? Changes { get; init; }
}
