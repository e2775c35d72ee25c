using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace QedVd.TestKit;

/// <summary>
/// Opens what a crash may have left of a recording, one state after the other, and holds it against the rules of docs/reliability.md: that it opens (I1), keeps
/// what was flushed (I2), reads old or new (I3) and nothing else (I4), is sound (I5, I9), leaks a bounded amount that can be reclaimed (I6), is not damaged by
/// what is written next (I7) nor by a crash of the recovery (I8), has one header or the other (I10), one size or the other (I11), and is not written to by a
/// read-only opening (I12).
/// </summary>
/// <remarks>For any format. One recording after the other on one thread; several explorers may run side by side.</remarks>
/// <example><code>
/// CrashRecording recording = CrashRecording.Record(subject, prelude, [new(GuestOperationKind.Write, 0, 4096), new(GuestOperationKind.Flush)]);
/// CrashExploration result = CrashExplorer.Explore(recording);
/// Assert.Empty(result.Violations);
/// </code></example>
public sealed partial class CrashExplorer
{
    private const int SamplesOfRecovery = 40;

    private readonly CrashRecording _recording;
    private readonly CrashSubject _subject;
    private readonly CrashExplorerOptions _options;
    private readonly CrashExplorerOptions _optionsOfRecovery;
    private readonly CrashExploration _result = new();
    private readonly (long Start, long End)[] _windows;
    private readonly Random _random;
    private readonly SeenStates _seenOfRecovery = new();
    private Expectation? _expected;
    private string? _recovered;
    private StorageOperation[]? _recoveryTrace;
    private string[]? _headersOfRecovery;
    private long[] _probesOfRecovery = [];
    private long _leaksBeforeRecovery;

    private CrashExplorer(CrashRecording recording, CrashExplorerOptions options)
    {
        _recording = recording;
        _subject = recording.Subject;
        _options = options;
        _optionsOfRecovery = options with { ExhaustiveUnits = 0, Samples = Math.Min(options.Samples, SamplesOfRecovery) };
        _random = new Random(options.Seed);
        _windows = WindowsOf(recording);
    }

    /// <summary>Explores a recording.</summary>
    public static CrashExploration Explore(CrashRecording recording, CrashExplorerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(recording);
        CrashExplorer explorer = new(recording, options ?? new CrashExplorerOptions());
        OneThread.Run(explorer.Run);
        return explorer._result;
    }

    private void Run()
    {
        foreach (string problem in _recording.Problems)
        {
            _result.Found.Add(new CrashViolation("run", problem, "no crash"));
        }

        if (_recording.Problems.Count > 0)
        {
            return;
        }

        bool onlyKills = _subject.Mode == ConsistencyMode.Unsafe;
        CrashPoints points = new(_recording.File, 0, _recording.EndPosition, _options, _result, _options.MostStates, onlyKills, new SeenStates(), position => ExpectAt(position).Phase);
        foreach ((CrashState state, bool isKill) in points.States())
        {
            _result.KillStates += isKill ? 1 : 0;
            Verify(state, ExpectAt(state.Position), isKill, exploresRecovery: _random.Next(_options.RecoveryOneIn) == 0);
            if (_result.Found.Count >= _options.MostViolations)
            {
                return;
            }
        }
    }

    /// <summary>What is allowed at a place of the recording; in the same phase as before where nothing of it has changed.</summary>
    private Expectation ExpectAt(int position)
    {
        if (_expected?.Position != position)
        {
            GuestHistory history = _recording.History;
            Dictionary<long, ulong[]> allowed = history.Sectors.ToDictionary(sector => sector, sector => history.Possible(sector, position));
            bool mayBeBroken = _subject.IsDamaged && !_subject.IsDamageOnlyLeaks && position <= _recording.RepairedPosition;
            Expectation next = new(history, allowed, position, mayBeBroken, _expected?.Phase ?? 0);
            _expected = _expected is not null && next.IsSameAs(_expected) ? next : next with { Phase = next.Phase + 1 };
        }

        return _expected;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown for a state is a violation.")]
    private void Verify(CrashState state, Expectation expected, bool isKill, bool exploresRecovery)
    {
        _result.States++;
        _result.AddLook("I1");
        int before = _result.Found.Count;
        Sighting? sighting = null;
        using Examination examination = new(this, state, expected);
        try
        {
            sighting = examination.Run();
        }
        catch (Exception exception)
        {
            Report("I1", exception.ToString(), state);
        }

        bool isRight = _result.Found.Count == before;
        if (_options.Peer is not null && (!isRight || _random.Next(_options.PeerOneIn) == 0))
        {
            AskPeer(state, examination, sighting, both: !isRight);
        }

        if (isRight && exploresRecovery && sighting is not null)
        {
            ExploreRecovery(state, expected, examination, sighting, isKill);
        }
    }

    /// <summary>The peer looks at the file as it was left, or as it is after the recovery; at both where something is wrong.</summary>
    private void AskPeer(CrashState state, Examination examination, Sighting? sighting, bool both)
    {
        bool recovered = _random.Next(2) == 0;
        if (!examination.IsBroken && (both || !recovered))
        {
            Ask(state.File, examination.NeedsCheck, "");
        }

        if (examination.Recovered is not null && (both || recovered || examination.IsBroken))
        {
            Ask(examination.Recovered, needsCheck: false, "after the recovery: ");
        }

        void Ask(SimulatedFile file, bool needsCheck, string when)
        {
            _result.AddLook(CrashViolation.Peer);
            CrashLook look = new(_subject, file, sighting?.Values ?? [], needsCheck, sighting?.Parent);
            if (OneThread.Elsewhere(() => _options.Peer!(look)) is { } wrong)
            {
                Report(CrashViolation.Peer, when + wrong, state);
            }
        }
    }

    private void Report(string rule, string message, CrashState state) => _result.Found.Add(_recovered is null
        ? new CrashViolation(rule, message, state.Description)
        : new CrashViolation("I8", $"{rule}: {message}", $"{state.Description}\nwhile this was recovered: {_recovered}"));

    /// <summary>I8: the recovery of a state is recorded and crashed; whoever recovers then finds what the first would have found.</summary>
    private void ExploreRecovery(CrashState state, Expectation expected, Examination examination, Sighting sighting, bool isKill)
    {
        SimulatedFile file = state.File.Copy();
        bool repairs = examination.IsBroken || _random.Next(2) == 0;
        if (repairs)
        {
            _subject.Check(file, RepairMode.All);
        }

        using (IDiskImage image = _subject.Open(file, isReadOnly: false))
        {
            // Opening, and the first write, to where nothing was: what recovers by itself does so now. It changes no sector that is looked at.
            ComposedImage composed = new(image, _subject.Parents);
            _probesOfRecovery = [.. FreshPlaces(image)];
            foreach (long offset in _probesOfRecovery)
            {
                OneThread.Complete(composed.WriteAsync(offset, ProbeData(offset, image), WriteFlags.None));
            }

            image.Close();
        }

        string outer = state.Description;
        GuestHistory history = _recording.History.Fixed(sighting.Values, sighting.SizeBytes, CrashRecording.NameOf(sighting.Parent));
        Dictionary<long, ulong[]> allowed = sighting.Values.ToDictionary(pair => pair.Key, pair => (ulong[])[pair.Value]);
        bool onlyKills = _subject.Mode == ConsistencyMode.Unsafe || isKill;
        _seenOfRecovery.Allowed = sighting.Number();
        _seenOfRecovery.Add(HashOf(state.File));
        CrashPoints points = new(file, 0, file.Trace.Count, _optionsOfRecovery, counts: null, _options.MostRecoveryStates, onlyKills, _seenOfRecovery);
        _recovered = outer;
        _recoveryTrace = [.. file.Trace];
        _headersOfRecovery = _subject.HeaderOf is null ? null : [.. HeadersOf(file).Select(header => header.Header), _subject.HeaderOf(file)];
        _leaksBeforeRecovery = examination.LeakBytes + examination.CorruptBytes;
        foreach ((CrashState inner, bool _) in points.States())
        {
            _result.RecoveryStates++;
            _result.AddLook("I8");
            Verify(inner, new Expectation(history, allowed, inner.Position, expected.MayBeBroken, Phase: 0), isKill, exploresRecovery: false);
            if (_result.Found.Count >= _options.MostViolations)
            {
                break;
            }
        }

        _recovered = null;
        _recoveryTrace = null;
        _headersOfRecovery = null;
    }

    private static UInt128 HashOf(SimulatedFile file) => new PowerLoss(file, file.Recording().Initial, 0, [], new PowerLossOptions()).TellingStates().First().Hash;

    /// <summary>What a state may read.</summary>
    private sealed record Expectation(GuestHistory History, Dictionary<long, ulong[]> Allowed, int Position, bool MayBeBroken, int Phase)
    {
        public bool IsSameAs(Expectation other) =>
            MayBeBroken == other.MayBeBroken
            && Allowed.All(pair => other.Allowed.TryGetValue(pair.Key, out ulong[]? values) && values.AsSpan().SequenceEqual(pair.Value))
            && History.Possible(History.Sizes, Position).SequenceEqual(History.Possible(History.Sizes, other.Position))
            && History.Possible(History.Parents, Position).SequenceEqual(History.Possible(History.Parents, other.Position));
    }

    /// <summary>What a state read.</summary>
    private sealed record Sighting(Dictionary<long, ulong> Values, long SizeBytes, ParentReference? Parent)
    {
        /// <summary>Equal for what reads the same.</summary>
        public ulong Number()
        {
            ulong sum = unchecked((ulong)SizeBytes * 0x9E3779B97F4A7C15);
            foreach ((long sector, ulong value) in Values)
            {
                sum = unchecked(sum + BitOperations.RotateLeft((value ^ 0xC2B2AE3D27D4EB4F) * (((ulong)sector << 1) | 1), 29));
            }

            return sum;
        }
    }
}
