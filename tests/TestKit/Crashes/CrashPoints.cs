namespace QedVd.TestKit;

/// <summary>Goes through the crash points of a recording and draws from the states that each may leave.</summary>
internal sealed class CrashPoints(SimulatedFile file, int start, int end, CrashExplorerOptions options, CrashExploration counts, int mostStates, bool onlyKills)
{
    private const int MostKillsInOneWrite = 4;
    private readonly Random _random = new(options.Seed ^ mostStates);

    /// <summary>
    /// The states, each once between two marks. A point is worth a look where what may be lost is most: before a barrier has completed, and before a mark
    /// changes what is allowed; what may be left in between may be left there, too.
    /// </summary>
    public IEnumerable<(CrashState State, bool IsKill)> States()
    {
        (SparseBytes durable, StorageOperation[] trace) = file.Recording();
        SparseBytes all = durable.Clone();
        List<int> points = [.. Enumerable.Range(start, end + 1 - start).Where(position => position == end || IsPoint(trace, position))];
        int kills = trace.Take(end).Skip(start).Count(operation => operation.IsChange);
        int forKills = onlyKills ? mostStates : mostStates / 5;
        int share = Math.Max(2, (mostStates - forKills) / Math.Max(1, points.Count));
        HashSet<UInt128> seen = [];
        HashSet<UInt128> seenKills = [];
        int applied = 0;
        for (int position = 0; position <= end; position++)
        {
            if (position >= start && !onlyKills && (position == end || IsPoint(trace, position)))
            {
                for (int until = CrashStates.DurableAt(trace, position); applied < until; applied++)
                {
                    CrashStates.Apply(trace[applied], durable);
                }

                foreach (CrashState state in At(durable, trace, applied, position, share, seen))
                {
                    yield return (state, false);
                }
            }

            if (position == end)
            {
                yield break;
            }

            StorageOperation operation = trace[position];
            if (operation.Kind == StorageOperationKind.Mark)
            {
                seen.Clear();
                seenKills.Clear();
            }

            if (position >= start && operation.IsChange)
            {
                foreach (CrashState state in Killed(all, operation, _random.Next(kills) < forKills / 2))
                {
                    if (seenKills.Add(state.Hash))
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

    private List<CrashState> At(SparseBytes durable, StorageOperation[] trace, int applied, int position, int share, HashSet<UInt128> seen)
    {
        // All that there are, or a sample of them, from which some are drawn: never the first so many of all.
        PowerLoss loss = new(file, durable, position, trace.AsSpan(applied, position - applied), new PowerLossOptions
        {
            ExhaustiveUnits = options.ExhaustiveUnits,
            Samples = options.Samples,
            Seed = options.Seed,
            IsData = bytes => SectorValue.IsGuests(bytes.Span),
        });
        List<CrashState> candidates = [.. loss.States([.. seen])];
        if (candidates.Count == 0)
        {
            return [];
        }

        if (loss.IsExhaustive && candidates.Count <= share)
        {
            counts.ExhaustivePoints++;
        }
        else
        {
            counts.SampledPoints++;
        }

        // Nothing new and everything new are the ones that are always there.
        for (int i = Math.Min(2, candidates.Count); i < Math.Min(share, candidates.Count); i++)
        {
            int other = _random.Next(i, candidates.Count);
            (candidates[i], candidates[other]) = (candidates[other], candidates[i]);
        }

        List<CrashState> drawn = candidates[..Math.Min(share, candidates.Count)];
        drawn.ForEach(state => seen.Add(state.Hash));
        return drawn;
    }

    private IEnumerable<CrashState> Killed(SparseBytes before, StorageOperation operation, bool isDrawn)
    {
        if (!isDrawn)
        {
            yield break;
        }

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
