namespace QedVd.TestKit;

/// <summary>Something that can go on: an actor's begin, a continuation, an operation that waits for its effect.</summary>
internal sealed class ScheduledThing
{
    public required ScheduledActor? Actor { get; init; }

    /// <summary>A work item of the pool, or an <see cref="Action"/> of the scheduler's.</summary>
    public required object Item { get; init; }

    /// <summary>For the log; of a work item its type.</summary>
    public required object Label { get; init; }

    public long Offset { get; init; }

    public long LengthBytes { get; init; }

    public required int Priority { get; init; }

    public required long Arrival { get; init; }
}
