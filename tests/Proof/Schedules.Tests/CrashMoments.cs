using QedVd.TestKit;

namespace QedVd.Schedules.Tests;

/// <summary>
/// The moments of a schedule in which the power may fail. They are chosen when it is over: most may be lost just before a barrier completes, and most must
/// still be there just after something durable was acknowledged.
/// </summary>
internal sealed class CrashMoments
{
    private const string BeforeBarrier = "before a barrier";
    private const string AfterPromise = "after a promise";
    private const string Anywhere = "anywhere";

    private readonly SectorHistory _history;
    private readonly Func<IReadOnlyList<SimulatedFile>> _files;
    private readonly List<(long Step, long Time, string Top)> _steps = [];

    /// <summary>Marks each step from now on in the traces of the files.</summary>
    public CrashMoments(Scheduler scheduler, SectorHistory history, Func<IReadOnlyList<SimulatedFile>> files, Func<string> top)
    {
        _history = history;
        _files = files;
        scheduler.BeforeStep = step =>
        {
            _steps.Add((step, history.Now, top()));
            foreach (SimulatedFile file in files())
            {
                file.Mark(step);
            }
        };
    }

    /// <summary>What <see cref="CrashMoment.When"/> may be.</summary>
    public static IEnumerable<string> Kinds => [BeforeBarrier, AfterPromise, Anywhere];

    /// <summary>Up to two moments before barriers, two after promises and one of all.</summary>
    public IEnumerable<CrashMoment> Draw(Random random)
    {
        Dictionary<long, (long Step, long Time, string Top)> known = _steps.ToDictionary(each => each.Step);
        List<long> barriers = [];
        foreach (SimulatedFile file in _files())
        {
            long last = -1;
            foreach (StorageOperation operation in file.Trace)
            {
                last = operation.Kind == StorageOperationKind.Mark ? (long)operation.Note! : last;
                if (operation is { Kind: StorageOperationKind.Barrier, HasFailed: false } && last >= 0)
                {
                    barriers.Add(last);
                }
            }
        }

        long[] promises = [.. _history.DurableTimes.Select(time => _steps.Find(each => each.Time >= time)).Where(each => each.Time > 0).Select(each => each.Step)];
        foreach ((string kind, IReadOnlyList<long> steps, int most) in new (string, IReadOnlyList<long>, int)[] { (BeforeBarrier, barriers, 2), (AfterPromise, promises, 2), (Anywhere, [.. known.Keys], 1) })
        {
            for (int i = 0; i < most && steps.Count > 0; i++)
            {
                long step = steps[random.Next(steps.Count)];
                yield return new CrashMoment(step, known[step].Time, known[step].Top, kind);
            }
        }
    }

    /// <summary>Of what a moment may leave of a file: all, nothing, the guests' sectors without the tables and the other way round, and some drawn from the whole list.</summary>
    /// <remarks>None of a file that was not there yet.</remarks>
    public static IEnumerable<CrashState> DrawStates(Random random, SimulatedFile file, CrashMoment moment, int drawn = 4)
    {
        if (file.Trace.FirstOrDefault(operation => operation.Kind == StorageOperationKind.Mark && Equals(operation.Note, moment.Step))?.Index is not { } position)
        {
            yield break;
        }

        var options = new PowerLossOptions { ExhaustiveUnits = 3, Samples = 40, Seed = random.Next(), IsData = IsGuests };
        List<CrashState> states = [.. CrashStates.OfPowerLoss(file, position, options)];
        for (int i = 0; i < Math.Min(states.Count, 4 + drawn); i++)
        {
            // The four named ones are at the head of a sampled list.
            int index = i < 4 ? i : random.Next(i, states.Count);
            (states[i], states[index]) = (states[index], states[i]);
            yield return states[i];
        }
    }

    private static bool IsGuests(ReadOnlyMemory<byte> bytes) =>
        bytes.Length >= SectorHistory.SectorBytes && bytes.Span[8..SectorHistory.SectorBytes].SequenceEqual(bytes.Span[..(SectorHistory.SectorBytes - 8)]) && bytes.Span.ContainsAnyExcept((byte)0);
}
