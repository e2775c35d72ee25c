namespace QedVd.TestKit;

/// <summary>Goes through the crash points of a recording and draws from the states that each may leave.</summary>
/// <param name="file">The recording.</param>
/// <param name="start">The first entry of the trace that counts.</param>
/// <param name="end">The entry of the trace before which it ends.</param>
/// <param name="options">How much is looked at.</param>
/// <param name="counts">Where it is counted how the points were looked at; null: nowhere.</param>
/// <param name="mostStates">About how many states there shall be.</param>
/// <param name="onlyKills">Whether there is no loss of power, only killed processes.</param>
/// <param name="seen">The states that were looked at already under what is allowed now; those of this recording are added.</param>
/// <param name="phaseAt">Another number for each position from which on something else is allowed; null: nothing changes.</param>
internal sealed class CrashPoints(
    SimulatedFile file, int start, int end, CrashExplorerOptions options, CrashExploration? counts, int mostStates, bool onlyKills, SeenStates seen, Func<int, int>? phaseAt = null)
{
    private const int MostKillsInOneWrite = 4;
    private const int MostExhaustively = 1 << 18;

    // Fewer would be the telling ones and nothing that is drawn.
    private const int LeastOfAPoint = 16;

    private readonly Random _random = new(options.Seed ^ mostStates);
    private int _phase;

    /// <summary>
    /// The states, each once as long as the same is allowed. A point is worth a look where what may be lost is most: before a barrier has completed, and
    /// before a mark changes what is allowed; what may be left in between may be left there, too. Of a point where little can be lost there is every state. Where
    /// those of the others would be too many, some points are drawn for a closer look; of the rest there is what no loss leaves.
    /// </summary>
    public IEnumerable<(CrashState State, bool IsKill)> States()
    {
        (SparseBytes durable, StorageOperation[] trace) = file.Recording();
        SparseBytes all = durable.Clone();
        int points = Enumerable.Range(start, end + 1 - start).Count(position => position == end || IsPoint(trace, position));
        int kills = trace.Take(end).Skip(start).Count(operation => operation.IsChange);
        int forKills = onlyKills ? mostStates : mostStates / 5;
        int share = Math.Max(LeastOfAPoint, (mostStates - forKills) / Math.Max(1, points));
        int closer = Math.Max(1, (mostStates - forKills) / share);
        int applied = 0;
        for (int position = 0; position <= end; position++)
        {
            if (position >= start && !onlyKills && (position == end || IsPoint(trace, position)))
            {
                for (int until = CrashStates.DurableAt(trace, position); applied < until; applied++)
                {
                    CrashStates.Apply(trace[applied], durable);
                }

                EnterPhase(position);
                PowerLoss loss = LossAt(durable, trace, applied, position);
                bool isCloser = _random.Next(Math.Max(1, points--)) < closer;
                int count = 0;
                foreach (CrashState state in loss.IsExhaustive ? loss.States().Where(state => seen.Add(state.Hash)) : Drawn(loss, isCloser ? share : 1))
                {
                    yield return (state, false);
                    count++;
                }

                closer -= isCloser && !loss.IsExhaustive && count > 0 ? 1 : 0;
                if (count > 0)
                {
                    counts?.AddPoint(loss.UnitCount, loss.IsExhaustive);
                }
            }

            if (position == end)
            {
                yield break;
            }

            StorageOperation operation = trace[position];
            if (position >= start && operation.IsChange && _random.Next(kills) < forKills / 2)
            {
                EnterPhase(position);
                foreach (CrashState state in Killed(all, operation))
                {
                    if (seen.Add(state.Hash))
                    {
                        yield return (state, true);
                    }
                }
            }

            CrashStates.Apply(operation, all);
        }
    }

    private static bool IsPoint(StorageOperation[] trace, int position) =>
        trace[position].Kind == StorageOperationKind.Mark || (trace[position].Kind == StorageOperationKind.Barrier && !trace[position].HasFailed);

    private void EnterPhase(int position)
    {
        if (phaseAt is not null && phaseAt(position) is var phase && phase != _phase)
        {
            _phase = phase;
            seen.Clear();
        }
    }

    private PowerLoss LossAt(SparseBytes durable, StorageOperation[] trace, int applied, int position) =>
        new(file, durable, position, trace.AsSpan(applied, position - applied), new PowerLossOptions
        {
            ExhaustiveUnits = options.ExhaustiveUnits,
            MostExhaustively = MostExhaustively,
            Samples = options.Samples,
            Seed = options.Seed,
            IsData = bytes => SectorValue.IsGuests(bytes.Span),
        });

    /// <summary>Those that tell most, and the rest drawn from a sample of all that there are.</summary>
    private List<CrashState> Drawn(PowerLoss loss, int share)
    {
        List<CrashState> drawn = [];
        foreach (CrashState state in loss.TellingStates())
        {
            if (drawn.Count < share && seen.Add(state.Hash))
            {
                drawn.Add(state);
            }
        }

        if (share == 1)
        {
            return drawn;
        }

        List<CrashState> others = [.. loss.States().Where(state => !seen.Contains(state.Hash))];
        for (int i = 0; i < others.Count && drawn.Count < share; i++)
        {
            int other = _random.Next(i, others.Count);
            (others[i], others[other]) = (others[other], others[i]);
            seen.Add(others[i].Hash);
            drawn.Add(others[i]);
        }

        return drawn;
    }

    private IEnumerable<CrashState> Killed(SparseBytes before, StorageOperation operation)
    {
        int sectors = (int)Math.Min(int.MaxValue, operation.LengthBytes / SparseBytes.SectorBytes);
        if (operation.Kind == StorageOperationKind.Write && sectors > 1)
        {
            for (int i = 0; i < Math.Min(MostKillsInOneWrite, sectors - 1); i++)
            {
                // Sectors are whole: a guest's sector that was written in part would be torn otherwise.
                int cut = SparseBytes.SectorBytes * (sectors - 1 <= MostKillsInOneWrite ? i + 1 : _random.Next(1, sectors));
                int length = cut - (int)(operation.Offset % SparseBytes.SectorBytes);
                SparseBytes part = before.Clone();
                part.Write(operation.Offset, operation.Data.Span[..length]);
                yield return CrashStates.Killed(file, part, operation.Index, $"killed in {operation} after {length} bytes");
            }
        }

        SparseBytes whole = before.Clone();
        CrashStates.Apply(operation, whole);
        yield return CrashStates.Killed(file, whole, operation.Index + 1, $"killed after {operation}");
    }
}
