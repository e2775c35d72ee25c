namespace QedVd.TestKit;

/// <summary>One step of a workload.</summary>
/// <param name="Kind">What.</param>
/// <param name="Offset">Where on the disk; of a <see cref="GuestOperationKind.Resize"/>: the new size.</param>
/// <param name="LengthBytes">How much.</param>
/// <param name="Flags">Of a write, a zero or a discard request.</param>
public sealed record GuestOperation(GuestOperationKind Kind, long Offset = 0, long LengthBytes = 0, WriteFlags Flags = WriteFlags.None)
{
    /// <summary>Of a <see cref="GuestOperationKind.SetParent"/>: the name to store.</summary>
    public ParentReference? Parent { get; init; }

    /// <summary>Of a <see cref="GuestOperationKind.Together"/>: requests (and maintenance of the open image) that are under way at the same time.</summary>
    public IReadOnlyList<GuestOperation> Together { get; init; } = [];

    /// <summary>Of a <see cref="GuestOperationKind.Together"/>: at which operation of the storage the first is held, and at the how-manieth.</summary>
    public StorageOperationKind HeldAt { get; init; } = StorageOperationKind.Barrier;

    /// <summary>See <see cref="HeldAt"/>.</summary>
    public int HeldAtNth { get; init; } = 1;

    /// <summary>Whether it changes a range of the disk.</summary>
    public bool IsRequest => Kind is GuestOperationKind.Write or GuestOperationKind.Zero or GuestOperationKind.Discard;

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        GuestOperationKind.Together => $"together, the first held at {HeldAt} {HeldAtNth}: ({string.Join(", ", Together)})",
        GuestOperationKind.Resize => $"resize {Offset}",
        GuestOperationKind.SetParent => $"set parent ({Parent?.NameBytes.Length ?? 0} bytes{(Parent?.IsRaw == true ? ", raw" : "")})",
        _ when IsRequest => $"{Kind.ToString().ToLowerInvariant()} {Offset}+{LengthBytes}{(Flags == WriteFlags.None ? "" : $" {Flags}")}",
        _ => Kind.ToString().ToLowerInvariant(),
    };
}
