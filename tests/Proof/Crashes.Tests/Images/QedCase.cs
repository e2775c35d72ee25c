using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>
/// The numbered cases. Three of four go through all sequences of one and two letters, each in every mode that promises more than kills and with every memory
/// for tables (<see cref="Round"/>); the fourth is a longer sequence, relocating growth, a repair of a damaged image, or requests that are under way together.
/// All else about a case is dealt in turn, so that no kind of it is left out, or drawn.
/// </summary>
internal sealed class QedCase
{
    /// <summary>So many cases in a row meet every short sequence in every mode and with every memory for tables, once.</summary>
    public static readonly long Round = Crossed / 3 * 4;

    // Has no factor in common with the number of what is crossed: going by it meets each once.
    private const long Stride = 1_327;

    private static readonly ConsistencyMode[] s_modes = [ConsistencyMode.Ordered, ConsistencyMode.Lazy, ConsistencyMode.WriteThrough];
    private static readonly int[] s_pages = [0, 1, 2];

    private readonly Random _random;
    private readonly QedLetter[] _letters;
    private readonly bool _withHoles;
    private readonly int _damage;

    public QedCase(ProofSearch search, long number)
    {
        Number = number;
        Seed = search.SeedOf(number);
        _random = new Random(Seed);
        Kind = number % 4 != 3 ? QedCaseKind.Short : ((number / 4) % 8) switch
        {
            3 => QedCaseKind.Relocating,
            5 => QedCaseKind.Repair,
            4 or 7 => QedCaseKind.Together,
            _ => QedCaseKind.Long,
        };

        // 64 KiB clusters are one in eight: their states are large.
        Layout = _random.Next(8) switch
        {
            0 or 1 => new QedLayout(4096, 1),
            2 or 3 or 4 => new QedLayout(4096, 2),
            5 or 6 => new QedLayout(4096, 4),
            _ => new QedLayout(65536, 2),
        };
        Parents = (QedParents)_random.Next(4);
        Mode = (ConsistencyMode)(_random.Next(10) switch { 0 => 3, 1 or 2 => 2, 3 or 4 or 5 => 1, _ => 0 });
        Facts = _random.Next(4) switch
        {
            0 or 1 => SimulatedFile.GoodFacts,
            2 => SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero,
            _ => SimulatedFile.GoodFacts & ~(StorageFacts.NeverWrittenReadsZero | StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles),
        };
        TablePages = _random.Next(3) switch { 0 => 1, 1 => 2, _ => 0 };
        _withHoles = _random.Next(2) == 0;
        _damage = Kind == QedCaseKind.Repair ? _random.Next(1, 16) : 0;
        IsThorough = new Random(Seed ^ 0x5EED).Next(40) == 0;

        // One order in two of requests that are under way together, and one in eight of others, is the scheduler's.
        Random order = new(Seed ^ 0x5C4ED);
        Schedule = order.Next(Kind == QedCaseKind.Together ? 2 : 8) == 0 ? order.Next() : null;

        if (Kind == QedCaseKind.Short)
        {
            // The seed alone says where they begin: with it and a number any run meets the same case.
            Crossing = ((((number / 4 * 3) + (number % 4)) * Stride) + search.SeedOf(-1)) % Crossed;
            (long crossing, long sequence) = Math.DivRem(Crossing.Value, QedLetter.ShortSequences);
            ShortNumber = sequence;
            Mode = s_modes[crossing % s_modes.Length];
            TablePages = s_pages[crossing / s_modes.Length];
        }

        _letters = ShortNumber is { } which
            ? QedLetter.ShortSequence(which)
            : [.. Enumerable.Range(0, _random.Next(3, 7)).Select(_ => QedLetter.All[_random.Next(QedLetter.All.Length)])];
    }

    /// <summary>How many short sequences there are, each with every mode and memory.</summary>
    public static long Crossed => QedLetter.ShortSequences * 9;

    public long Number { get; }

    public int Seed { get; }

    public QedCaseKind Kind { get; }

    /// <summary>Of a short one: which of the sequences of one and two letters it is.</summary>
    public long? ShortNumber { get; }

    /// <summary>Of a short one: which of <see cref="Crossed"/> it is.</summary>
    public long? Crossing { get; }

    /// <summary>The seed of the order in which the workload goes on, or null: one after the other.</summary>
    public int? Schedule { get; }

    /// <summary>Whether it is looked at more closely than others: one in forty, of whatever kind.</summary>
    public bool IsThorough { get; }

    public QedLayout Layout { get; }

    public QedParents Parents { get; }

    public ConsistencyMode Mode { get; }

    public StorageFacts Facts { get; }

    public int TablePages { get; }

    public IReadOnlyList<QedLetter> Letters => _letters;

    /// <summary>What the case belongs to: each must have been met.</summary>
    public IEnumerable<string> Strata =>
    [
        $"kind {Kind}",
        $"geometry {Layout.ClusterBytes} x {Layout.TableClusters}",
        $"parents {Parents}",
        $"mode {Mode}",
        $"pages {TablePages}",
        $"facts {Facts}",
        $"letters {Math.Min(_letters.Length, 6)}",
        $"order {Order}", $"{Kind} in order {Order}",
        .. Kind == QedCaseKind.Short ? [$"short, {Mode} and {TablePages} pages"] : (string[])[],
        .. _letters.Select(letter => $"letter {letter.Name}"),
        .. _letters.Where(letter => letter.Place is not null).Select(letter => $"place {letter.Place}"),
    ];

    /// <summary>Every stratum that there is.</summary>
    public static IEnumerable<string> AllStrata { get; } =
    [
        .. Enum.GetNames<QedCaseKind>().Select(name => $"kind {name}"),
        "geometry 4096 x 1", "geometry 4096 x 2", "geometry 4096 x 4", "geometry 65536 x 2",
        .. Enum.GetNames<QedParents>().Select(name => $"parents {name}"),
        .. Enum.GetNames<ConsistencyMode>().Select(name => $"mode {name}"),
        "pages 0", "pages 1", "pages 2",
        $"facts {SimulatedFile.GoodFacts}",
        $"facts {SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero}",
        $"facts {SimulatedFile.GoodFacts & ~(StorageFacts.NeverWrittenReadsZero | StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles)}",
        .. Enumerable.Range(1, 6).Select(count => $"letters {count}"),
        "order of steps", "order of a seed", "Together in order of steps", "Together in order of a seed", "Short in order of a seed",
        .. s_modes.SelectMany(mode => s_pages.Select(pages => $"short, {mode} and {pages} pages")),
        .. QedLetter.All.Select(letter => $"letter {letter.Name}").Distinct(),
        .. Enum.GetNames<QedPlace>().Select(name => $"place {name}"),
    ];

    public CrashRecording Record() => CrashRecording.Record(Subject(), Layout.Prelude(_withHoles), Operations());

    public override string ToString() =>
        $"case {Number} ({Kind}), {Layout.ClusterBytes} x {Layout.TableClusters}, parents {Parents}, {Mode}, pages {TablePages}, {Facts}, holes {_withHoles}, damage {_damage}, order {Order}: {string.Join(", ", _letters.Select(letter => letter.ToString()))}";

    private string Order => Schedule is null ? "of steps" : "of a seed";

    private CrashSubject Subject() => Layout.Subject(Parents, Mode, Facts) with
    {
        TablePages = TablePages,
        Schedule = Schedule,
        Damage = _damage == 0 ? null : QedDamage.Of(Layout, _damage),
        DamagedCopies = (_damage & 4) == 0 ? [] : [(30L * Layout.ClusterBytes, 33L * Layout.ClusterBytes, Layout.ClusterBytes)],
        IsDamageOnlyLeaks = (_damage & ~1) == 0,
        IsDamageMarked = (_damage & 8) != 0,
        LeakAllowanceBytes = (_damage & 1) == 0 ? 0 : 4L * Layout.ClusterBytes,
        Description = ToString(),
    };

    private IEnumerable<GuestOperation> Operations()
    {
        if (Kind == QedCaseKind.Repair)
        {
            yield return new GuestOperation((_damage & ~1) == 0 && _random.Next(2) == 0 ? GuestOperationKind.RepairLeaks : GuestOperationKind.RepairAll);
        }

        List<GuestOperation> steps = [.. QedLetter.Spell(Layout, _letters, _random.Next(4))];
        if (Kind == QedCaseKind.Relocating)
        {
            long size = Layout.MaxSizeBytes + (_random.Next(3) * Layout.TableSpanBytes) + 512;
            steps.RemoveAll(step => step.Kind == GuestOperationKind.Resize);
            steps.Insert(_random.Next(steps.Count + 1), new GuestOperation(GuestOperationKind.Resize, size));
        }

        if (Kind == QedCaseKind.Together)
        {
            steps.RemoveAll(step => step.Kind == GuestOperationKind.Resize);
            steps.Insert(_random.Next(steps.Count + 1), Together());
            steps.Add(Together());
        }

        foreach (GuestOperation step in steps)
        {
            yield return step;
        }

        if (_random.Next(3) == 0)
        {
            yield return new GuestOperation(GuestOperationKind.Reopen);
        }
    }

    // Several writers, one of whom is held somewhere in the storage; the first may be a flush or work on the whole image.
    private GuestOperation Together()
    {
        List<GuestOperation> steps = [];
        List<QedPlace> places = [.. Enum.GetValues<QedPlace>()];
        for (int count = _random.Next(2, 5); count > 0; count--)
        {
            QedPlace place = places[_random.Next(places.Count)];
            places.Remove(place);
            long at = Layout.At(place) + (place == QedPlace.Tail ? 0 : 512);
            GuestOperationKind kind = _random.Next(6) switch { 0 => GuestOperationKind.Zero, 1 => GuestOperationKind.Discard, _ => GuestOperationKind.Write };
            steps.Add(new GuestOperation(kind, at, _random.Next(1, 4) * 512, _random.Next(4) == 0 ? WriteFlags.ForceUnitAccess : WriteFlags.None));
        }

        GuestOperation? other = _random.Next(4) switch
        {
            0 => new GuestOperation(GuestOperationKind.Compact),
            1 or 2 => new GuestOperation(GuestOperationKind.Flush),
            _ => null,
        };
        if (other is not null)
        {
            steps.Insert(_random.Next(steps.Count + 1), other);
        }

        return new GuestOperation(GuestOperationKind.Together)
        {
            Together = steps,
            HeldAt = _random.Next(3) == 0 ? StorageOperationKind.Barrier : StorageOperationKind.Write,
            HeldAtNth = _random.Next(1, 4),
        };
    }
}
