namespace QedVd.ChainKit;

/// <summary>One operation of <see cref="FullVolume"/>, on one chain.</summary>
internal sealed record FullVolumeWork
{
    /// <summary>The operation; whether it is to begin although the room seems to be too little.</summary>
    public required Func<bool, ValueTask> Run { get; init; }

    /// <summary>Carries it out on what the levels must read as; returns the chains that there must be then.</summary>
    public required Func<IEnumerable<TestChain>> Apply { get; init; }

    /// <summary>What is done while there is room.</summary>
    public Func<ValueTask> Prepare { get; init; } = () => default;

    /// <summary>A failure leaves no file that was not there before.</summary>
    public bool IsAllOrNothing { get; init; }

    /// <summary>Without a single page it cannot be done.</summary>
    public bool NeedsRoom { get; init; } = true;
}
