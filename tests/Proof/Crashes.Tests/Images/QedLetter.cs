using System.Globalization;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>One letter of the alphabet: what is done, and, where it matters, at which class of positions.</summary>
internal sealed record QedLetter(string Name, QedPlace? Place, Func<QedLayout, long, int, GuestOperation[]> Make)
{
    /// <summary>All letters, in an order that never changes: cases are numbered by it.</summary>
    public static QedLetter[] All { get; } =
    [
        .. Placed("write part", (disk, at, _) => [Write(at + 512, 1024)]),
        .. Placed("write whole", (disk, at, _) => [Write(at, Inside(disk, at, disk.ClusterBytes))]),
        .. Placed("write across clusters", (disk, at, _) => [at + (2L * disk.ClusterBytes) > disk.SizeBytes ? Write(at - 512, 1024) : Write(at + disk.ClusterBytes - 512, 1024)]),
        .. Placed("rewrite", (disk, at, _) => [Write(at, Inside(disk, at, disk.ClusterBytes)), Write(at + 512, 512)]),
        .. Placed("zero aligned", (disk, at, turn) => [new(GuestOperationKind.Zero, at, Inside(disk, at, disk.ClusterBytes), turn % 2 == 0 ? WriteFlags.None : WriteFlags.MayUnmap)]),
        .. Placed("zero unaligned", (disk, at, _) => [new(GuestOperationKind.Zero, at + 300, Inside(disk, at + 300, disk.ClusterBytes))]),
        .. Placed("discard", (disk, at, turn) => [new(GuestOperationKind.Discard, at, Inside(disk, at, disk.ClusterBytes), turn % 3 == 2 ? WriteFlags.ForceUnitAccess : WriteFlags.None)]),
        .. Placed("FUA write", (disk, at, turn) => [turn % 4 == 3
            ? new(GuestOperationKind.Zero, at, Inside(disk, at, disk.ClusterBytes), WriteFlags.ForceUnitAccess)
            : new(GuestOperationKind.Write, at + 512, 1024, WriteFlags.ForceUnitAccess)]),
        new("write across tables", null, (disk, _, turn) => [Write(disk.TableSpanBytes - (512 * (1 + turn)), 1024 * (1 + turn))]),
        new("flush", null, (_, _, _) => [new(GuestOperationKind.Flush)]),
        new("grow", null, (disk, _, turn) => [new(GuestOperationKind.Resize, disk.SizeBytes + (512 * (1 + turn)) + (turn * disk.ClusterBytes))]),
        new("grow by a table", null, (disk, _, turn) => [new(GuestOperationKind.Resize, disk.SizeBytes + ((1 + turn) * disk.TableSpanBytes))]),
        new("shrink", null, (disk, _, turn) => [new(GuestOperationKind.Resize, (turn % 3) switch
        {
            0 => disk.TableSpanBytes + (4L * disk.ClusterBytes) + 1024,
            1 => disk.TableSpanBytes - 1024,
            _ => (20L * disk.ClusterBytes) + 512,
        })]),
        new("reopen", null, (_, _, _) => [new(GuestOperationKind.Reopen)]),
        new("set parent", null, (_, _, turn) => [new(GuestOperationKind.SetParent) { Parent = new ParentReference(NameOf(turn), turn % 2 == 0 ? null : ParentReference.Raw) }]),
        new("compact", null, (_, _, _) => [new(GuestOperationKind.Compact)]),
        new("repair leaks", null, (_, _, _) => [new(GuestOperationKind.RepairLeaks)]),
    ];

    /// <summary>How many sequences of one and of two letters there are.</summary>
    public static long ShortSequences => All.Length + ((long)All.Length * All.Length);

    /// <summary>The sequence of one or two letters with a number.</summary>
    public static QedLetter[] ShortSequence(long number) =>
        number < All.Length ? [All[number]] : [All[(number - All.Length) / All.Length], All[(number - All.Length) % All.Length]];

    /// <summary>Carries the letters out, those that no longer fit into the disk left out.</summary>
    public static IEnumerable<GuestOperation> Spell(QedLayout disk, IEnumerable<QedLetter> letters, int turn)
    {
        long size = disk.SizeBytes;
        foreach (QedLetter letter in letters)
        {
            foreach (GuestOperation operation in letter.Make(disk, letter.Place is { } place ? disk.At(place) : 0, turn++ % 4))
            {
                if (operation.IsRequest && operation.Offset + operation.LengthBytes > size)
                {
                    continue;
                }

                size = operation.Kind == GuestOperationKind.Resize ? operation.Offset : size;
                yield return operation;
            }
        }
    }

    /// <summary>A name that peers find: some of them end far behind the header's first sector.</summary>
    public static string NameOf(int turn) => turn switch
    {
        0 => "parent.raw",
        1 => string.Concat(Enumerable.Repeat("./", 25)) + "parent.raw",
        2 => string.Concat(Enumerable.Repeat("./", 300)) + "parent.raw",
        _ => string.Concat(Enumerable.Repeat("./", 450)) + "parent.raw",
    };

    public override string ToString() => Place is null ? Name : string.Create(CultureInfo.InvariantCulture, $"{Name} at {Place}");

    private static QedLetter[] Placed(string name, Func<QedLayout, long, int, GuestOperation[]> make) =>
        [.. Enum.GetValues<QedPlace>().Select(place => new QedLetter(name, place, make))];

    private static GuestOperation Write(long offset, long length) => new(GuestOperationKind.Write, offset, length);

    private static long Inside(QedLayout disk, long offset, long length) => Math.Min(length, disk.SizeBytes - offset);
}
