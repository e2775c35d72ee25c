namespace QedVd.TestKit;

/// <summary>A way in which storage operations fail.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Kind">Which operations.</param>
/// <param name="Error">What the caller is told.</param>
/// <param name="PartialBytes">As <see cref="StorageFault.PartialBytes"/>.</param>
public sealed record FaultVariant(string Name, StorageOperationKind Kind, ImageErrorKind Error = ImageErrorKind.Io, int PartialBytes = -1)
{
    /// <summary>Every way that a storage can fail: reads (short ones too), writes (half-done ones too), growth, room, holes, barriers.</summary>
    public static IReadOnlyList<FaultVariant> All { get; } =
    [
        new("read", StorageOperationKind.Read),
        new("read of nothing", StorageOperationKind.Read, PartialBytes: 0),
        new("short read", StorageOperationKind.Read, PartialBytes: 500),
        new("write", StorageOperationKind.Write),
        new("half-done write", StorageOperationKind.Write, PartialBytes: 512),
        new("write without room", StorageOperationKind.Write, ImageErrorKind.OutOfSpace),
        .. Others(),
    ];

    /// <summary>What the loop makes of it.</summary>
    public StorageFault At(int nth, bool isSticky) => new() { Kind = Kind, Error = Error, PartialBytes = PartialBytes, Nth = nth, IsSticky = isSticky };

    /// <summary>Every other kind that there is, so that one that is added is not forgotten here.</summary>
    private static IEnumerable<FaultVariant> Others()
    {
        foreach (StorageOperationKind kind in Enum.GetValues<StorageOperationKind>())
        {
            if (kind is StorageOperationKind.Read or StorageOperationKind.Write or StorageOperationKind.Mark)
            {
                continue;
            }

            yield return new FaultVariant(kind.ToString(), kind);
            if (kind != StorageOperationKind.Barrier)
            {
                yield return new FaultVariant($"{kind} without room", kind, ImageErrorKind.OutOfSpace);
            }
        }
    }
}
