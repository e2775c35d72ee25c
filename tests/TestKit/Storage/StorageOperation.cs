namespace QedVd.TestKit;

/// <summary>An entry of a simulated file's trace, in the order in which the effects took place.</summary>
public sealed record StorageOperation
{
    /// <summary>Its place in the trace.</summary>
    public required int Index { get; init; }

    /// <summary>How many barriers had begun when it took effect. Operations of one epoch may reach the disk in any order.</summary>
    public required int Epoch { get; init; }

    /// <summary>What it was.</summary>
    public required StorageOperationKind Kind { get; init; }

    /// <summary>Where, in bytes; the new length for <see cref="StorageOperationKind.SetLength"/>.</summary>
    public long Offset { get; init; }

    /// <summary>How much, in bytes. Of a write that failed half-way: what was written.</summary>
    public long LengthBytes { get; init; }

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>Of a barrier: the entries before this index are durable when it has completed; -1 for one that failed.</summary>
    public int CoveredCount { get; init; } = -1;

    /// <summary>The caller was told that it failed.</summary>
    public bool HasFailed { get; init; }

    /// <summary>Of a mark: what the test gave.</summary>
    public object? Note { get; init; }

    /// <summary>Whether it changed bytes or the length.</summary>
    public bool IsChange => Kind is StorageOperationKind.Write or StorageOperationKind.SetLength or StorageOperationKind.PunchHole or StorageOperationKind.Allocate;

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        StorageOperationKind.Barrier => $"#{Index} barrier{(HasFailed ? " (failed)" : "")}",
        StorageOperationKind.SetLength => $"#{Index} setlength {Offset}",
        StorageOperationKind.Mark => $"#{Index} mark {Note}",
        _ => $"#{Index} {Kind.ToString().ToLowerInvariant()} {Offset}+{LengthBytes}{(HasFailed ? " (failed)" : "")}",
    };
}
