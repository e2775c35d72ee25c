using System.Diagnostics;

namespace QedVd.TestKit;

/// <summary>
/// A search through numbered cases, of which case <c>n</c> under one seed is always the same. A normal run draws a seed and looks at a sample; a long run
/// (<see cref="LongRun"/>) goes on where the last one stopped, for as long as it was given, and adds what it counted to <see cref="ProofReport"/>.
/// </summary>
/// <remarks>
/// Thread safe. Dispose it when the search has ended, well or not: what was counted counts. The next long run begins with the first case that was handed out
/// and not <see cref="Completed"/>: one that fails is met again until it is mended.
/// </remarks>
/// <example><code>
/// using var search = new ProofSearch("crash", "src/Abstractions", "src/Backends.Qed");
/// for (long n = search.Next(); search.GoesOn(states, atLeast: 50_000); n = search.Next())
/// {
///     states += Explore(new Random(search.SeedOf(n)));
///     search.Count(Measure.CrashStates, ...);
///     search.Completed(n);
/// }
/// </code></example>
public sealed class ProofSearch : IDisposable
{
    private const long SeedOfLongRuns = 1;
    private const string Instruments = "tests/TestKit";

    private readonly Lock _lock = new();
    private readonly Dictionary<Measure, (long Count, long Wrong)> _counts = [];
    private readonly SortedSet<long> _begun = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly TimeSpan _budget;
    private readonly ProofReport? _report;
    private readonly long _first;
    private long _next;
    private int _taken;
    private bool _isEnded;

    /// <param name="name">As in <c>./test --long NAME</c>; where one name asks for several searches, with a '-' and a word of its own behind it.</param>
    /// <param name="folders">
    /// The folders, from the root of the repository, whose content the figures hold for: the code, and the instruments, of which this project needs no mention.
    /// </param>
    public ProofSearch(string name, params string[] folders)
    {
        Name = name;
        string asked = name.Split('-')[0];
        IsLong = LongRun.IsAsked(asked);
        _budget = LongRun.Budget(asked, TimeSpan.Zero);
        Seed = LongRun.Seed();
        Only = LongRun.Case;
        if (IsLong && !LongRun.HasSeed && Only is null)
        {
            Seed = SeedOfLongRuns;
            _report = ProofReport.Open([.. folders, Instruments]);
            _next = _report?.NextOf(name) ?? 0;
        }

        _first = _next;
    }

    /// <summary>What the report calls it.</summary>
    public string Name { get; }

    /// <summary>Whether this search was asked for by name.</summary>
    public bool IsLong { get; }

    /// <summary>What the cases are drawn from. Given with <c>--seed</c>; else one and the same in long runs, a new one in others.</summary>
    public long Seed { get; }

    /// <summary>The one case to look at (<c>./test --seed S --case N</c>), or null. A sample of one fills no strata.</summary>
    public long? Only { get; }

    /// <summary>Where the next long run goes on: the first case that is not known to be well.</summary>
    public long Resume
    {
        get
        {
            lock (_lock)
            {
                return _begun.Count > 0 ? _begun.Min : _next;
            }
        }
    }

    /// <summary>The number of a case that nobody else has got.</summary>
    public long Next()
    {
        lock (_lock)
        {
            _taken++;
            if (Only is { } one)
            {
                return one;
            }

            _begun.Add(_next);
            return _next++;
        }
    }

    /// <summary>Says of a case from <see cref="Next"/> that it was looked at to its end, counted, and right.</summary>
    public void Completed(long number)
    {
        lock (_lock)
        {
            _begun.Remove(number);
        }
    }

    /// <summary>A seed for a case.</summary>
    public int SeedOf(long number) => unchecked((int)Mix(((ulong)Seed * 0x9E3779B97F4A7C15) ^ (ulong)number));

    /// <summary>
    /// Whether to take a further case, or to look at the one that was taken: until the time is over in a long run, until <paramref name="done"/> has come to
    /// <paramref name="atLeast"/> in others.
    /// </summary>
    public bool GoesOn(long done, long atLeast) => Only is not null ? Volatile.Read(ref _taken) < 2 : IsLong ? _clock.Elapsed < _budget : done < atLeast;

    /// <summary>The command that looks at one case again, as this run did.</summary>
    /// <param name="number">Of the case.</param>
    /// <param name="test">The name of the test, or a part of it that no other has.</param>
    public string CommandFor(long number, string test) =>
        FormattableString.Invariant($"./test {(IsLong ? $"--long {Name.Split('-')[0]} " : "")}--filter {test} --seed {Seed} --case {number}");

    /// <summary>What a test prints, so that the run can be repeated.</summary>
    public override string ToString() => FormattableString.Invariant($"seed {Seed}, {(Only is { } one ? $"case {one}" : $"cases from {_first}")}");

    /// <summary>Adds to what was counted.</summary>
    public void Count(Measure measure, long count, long wrong = 0)
    {
        lock (_lock)
        {
            _counts[measure] = measure.Combine(_counts.GetValueOrDefault(measure), (count, wrong));
        }
    }

    /// <summary>Hands on what was counted: to <c>./test</c>, and in a long run to the report.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isEnded)
            {
                return;
            }

            _isEnded = true;
            foreach ((Measure measure, (long count, long wrong)) in _counts.Where(row => !row.Key.IsDetail))
            {
                Figures.Add(measure, count, wrong);
            }

            _report?.Add(Name, _counts, Resume, _clock.Elapsed);
        }
    }

    // The finaliser of splitmix64: neighbouring numbers shall not give neighbouring seeds.
    private static ulong Mix(ulong value)
    {
        unchecked
        {
            value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
            value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
            return (value ^ (value >> 31)) >> 33;
        }
    }
}
