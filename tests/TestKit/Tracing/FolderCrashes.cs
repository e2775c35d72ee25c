namespace QedVd.TestKit;

/// <summary>
/// The states that a crash may leave of a traced folder (crash models M0 and M1 with several files): each file has its own epochs, and a change of names is
/// durable only when its folders are; until then it has happened or not, whatever has become of the files.
/// </summary>
/// <param name="trace">What was traced.</param>
public sealed class FolderCrashes(FolderTrace trace)
{
    private const int FewStates = 64;
    private const int MostNameSubsets = 1 << 12;

    private static readonly FolderCrashKind[] s_drawn = [.. Enum.GetValues<FolderCrashKind>().Where(kind => kind > FolderCrashKind.Each)];

    private readonly Dictionary<(TracedFile File, int Count), SparseBytes> _contents = [];
    private readonly Dictionary<int, Crash> _crashes = [];

    /// <summary>Positions at which a crash may come.</summary>
    public int Positions => trace.Events.Count + 1;

    /// <summary>
    /// States without end, the same ones twice at times: first those that a kill leaves between the calls; then at each position one file, or all but one, with all
    /// of its changes and the others with none; then every combination of the positions with few, and drawn ones of each <see cref="FolderCrashKind"/> in turn.
    /// </summary>
    public IEnumerable<FolderState> Draw(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return Enumerate();

        IEnumerable<FolderState> Enumerate()
        {
            int[] positions = [.. Enumerable.Range(0, Positions)];
            random.Shuffle(positions);
            foreach (int position in positions)
            {
                yield return Killed(position);
            }

            foreach (FolderState state in positions.SelectMany(position => At(position).WholeFiles()))
            {
                yield return state;
            }

            while (true)
            {
                // As many rounds through the kinds as there are positions, and in each of them every combination of one.
                random.Shuffle(positions);
                foreach (int position in positions)
                {
                    Crash crash = At(position);
                    foreach (FolderState state in crash.IsSmall ? crash.Each() : [])
                    {
                        yield return state;
                    }

                    if (Within(position, random) is { } within)
                    {
                        yield return within;
                    }

                    foreach (FolderCrashKind kind in s_drawn)
                    {
                        yield return At(random.Next(Positions)).Draw(kind, random);
                    }
                }
            }
        }
    }

    /// <summary>The process is killed when so many calls have ended.</summary>
    public FolderState Killed(int position) =>
        NewState(position, FolderCrashKind.Killed, trace.NamesAfter(position), file => ContentAfter(file, position), position == 0 ? "killed before the first call" : $"killed after {trace.Events[position - 1]}");

    /// <summary>The process is killed in the middle of a write; null where the next event is none, or a short one.</summary>
    private FolderState? Within(int position, Random random)
    {
        if (position == trace.Events.Count || trace.Events[position] is not { Change: { Kind: StorageOperationKind.Write } write } each || write.LengthBytes <= SparseBytes.SectorBytes)
        {
            return null;
        }

        int length = random.Next(1, (int)((write.LengthBytes - 1) / SparseBytes.SectorBytes) + 1) * SparseBytes.SectorBytes;
        return NewState(
            position, FolderCrashKind.KilledWithin, trace.NamesAfter(position),
            file =>
            {
                SparseBytes content = ContentAfter(file, position);
                if (file == each.File)
                {
                    content = content.Clone();
                    content.Write(write.Offset, write.Data.Span[..length]);
                }

                return content;
            },
            $"killed in {each} after {length} bytes");
    }

    private Crash At(int position)
    {
        if (_crashes.TryGetValue(position, out Crash? known))
        {
            return known;
        }

        List<(TracedFile File, OpenEpoch Epoch)> epochs = [];
        foreach (TracedFile file in trace.Files)
        {
            int durable = DurableCount(position, each => each.File == file && each.Change is null);
            StorageOperation[] changes = [.. trace.Events.Take(position).Skip(durable).Where(each => each.File == file && each.Change is not null).Select(each => each.Change!)];
            if (changes.Length > 0 && new OpenEpoch(ContentAfter(file, durable), changes) is { IsEmpty: false } epoch)
            {
                epochs.Add((file, epoch));
            }
        }

        FolderEvent[] names = [.. trace.Events.Take(position).Where(each => each.Names is not null)];
        bool[] isDurable = [.. names.Select(name => name.Names!.Folders.All(folder => name.Index < DurableCount(position, each => each.DurableFolder == folder)))];
        return _crashes[position] = new Crash(this, position, epochs, [.. names.Select(name => name.Names!)], isDurable);
    }

    private int DurableCount(int position, Func<FolderEvent, bool> isBarrier) =>
        trace.Events.Take(position).Where(isBarrier).Select(each => each.CoveredCount).DefaultIfEmpty(0).Max();

    private SparseBytes ContentAfter(TracedFile file, int count)
    {
        FolderEvent[] changes = [.. trace.Events.Take(count).Where(each => each.File == file && each.Change is not null)];
        if (!_contents.TryGetValue((file, changes.Length), out SparseBytes? content))
        {
            content = file.Initial;
            foreach (FolderEvent each in changes)
            {
                CrashStates.Apply(each.Change!, content);
            }

            _contents.Add((file, changes.Length), content);
        }

        return content;
    }

    private static FolderState NewState(int position, FolderCrashKind kind, IReadOnlyDictionary<string, TracedFile> names, Func<TracedFile, SparseBytes> contentOf, string description) =>
        new(position, kind, names, names.Values.Distinct().ToDictionary(file => file, contentOf), $"{kind} at {position}: {description}");

    /// <summary>One power loss.</summary>
    private sealed class Crash(FolderCrashes owner, int position, List<(TracedFile File, OpenEpoch Epoch)> epochs, NameChange[] names, bool[] isDurable)
    {
        private int[] OpenNames => [.. Enumerable.Range(0, names.Length).Where(index => !isDurable[index])];

        public bool IsSmall => epochs.Aggregate(Math.Pow(2, OpenNames.Length), (product, file) => product * file.Epoch.Choices) <= FewStates;

        public IEnumerable<FolderState> Each()
        {
            int[] open = OpenNames;
            IEnumerable<int[][]> choices = [[]];
            foreach ((_, OpenEpoch epoch) in epochs)
            {
                choices = choices.SelectMany(chosen => epoch.Each().Select(choice => chosen.Append(choice).ToArray()));
            }

            foreach (int[][] choice in choices)
            {
                for (int subset = 0; subset < 1 << open.Length; subset++)
                {
                    yield return Build(FolderCrashKind.Each, choice, index => ((subset >> Array.IndexOf(open, index)) & 1) != 0);
                }
            }
        }

        /// <summary>Each file by itself new and old, among others that are the contrary, with the names as they were and as they became.</summary>
        public IEnumerable<FolderState> WholeFiles()
        {
            foreach (bool isNamed in OpenNames.Length == 0 ? [true] : new[] { false, true })
            {
                yield return Build(isNamed ? FolderCrashKind.NamesOnly : FolderCrashKind.Nothing, [.. epochs.Select(file => file.Epoch.None)], _ => isNamed);
                if (!isNamed)
                {
                    yield return Build(FolderCrashKind.FilesOnly, [.. epochs.Select(file => file.Epoch.All)], _ => false);
                }

                for (int one = 0; one < epochs.Count; one++)
                {
                    yield return Build(FolderCrashKind.OneFile, [.. epochs.Select((file, index) => index == one ? file.Epoch.All : file.Epoch.None)], _ => isNamed);
                    yield return Build(FolderCrashKind.AllButOneFile, [.. epochs.Select((file, index) => index == one ? file.Epoch.None : file.Epoch.All)], _ => isNamed);
                }
            }
        }

        public FolderState Draw(FolderCrashKind kind, Random random)
        {
            int one = epochs.Count == 0 ? -1 : random.Next(epochs.Count);
            Func<int, bool> isNamed = DrawNames(random);
            bool othersAreNew = random.Next(2) == 0;
            int[] Other(OpenEpoch epoch) => othersAreNew ? epoch.All : epoch.None;
            int unit = one < 0 || epochs[one].Epoch.Units == 0 ? 0 : random.Next(epochs[one].Epoch.Units);
            Func<OpenEpoch, bool, int[]> choose = kind switch
            {
                FolderCrashKind.Nothing or FolderCrashKind.NamesOnly => (epoch, _) => epoch.None,
                FolderCrashKind.FilesOnly => (epoch, _) => epoch.All,
                FolderCrashKind.OneFile => (epoch, isOne) => isOne ? epoch.All : epoch.None,
                FolderCrashKind.AllButOneFile => (epoch, isOne) => isOne ? epoch.None : epoch.All,
                FolderCrashKind.OneChange => (epoch, isOne) => isOne ? epoch.With(index => index == unit, epoch.DrawLength(random)) : Other(epoch),
                FolderCrashKind.AllButOneChange => (epoch, isOne) => isOne ? epoch.With(index => index != unit, epoch.DrawLength(random)) : Other(epoch),
                FolderCrashKind.SmallWritesOnly => (epoch, _) => epoch.SmallOnly(),
                FolderCrashKind.Prefix => (epoch, isOne) => isOne ? epoch.With(index => index <= unit, epoch.DrawLength(random)) : Other(epoch),
                _ => (epoch, _) => epoch.Draw(random),
            };
            if (kind is FolderCrashKind.Nothing or FolderCrashKind.FilesOnly)
            {
                isNamed = _ => false;
            }
            else if (kind == FolderCrashKind.NamesOnly)
            {
                isNamed = _ => true;
            }

            return Build(kind, [.. epochs.Select((file, index) => choose(file.Epoch, index == one))], isNamed);
        }

        private Func<int, bool> DrawNames(Random random)
        {
            int subset = random.Next(4) switch { 0 => 0, 1 => -1, _ => random.Next(MostNameSubsets) };
            int[] open = OpenNames;
            return index => ((subset >> (Array.IndexOf(open, index) % 12)) & 1) != 0;
        }

        private FolderState Build(FolderCrashKind kind, int[][] choices, Func<int, bool> isKept)
        {
            var left = new Dictionary<string, TracedFile>(owner.Trace.InitialNames);
            List<string> lost = [];
            for (int index = 0; index < names.Length; index++)
            {
                if (isDurable[index] || isKept(index))
                {
                    names[index].Apply(left);
                }
                else
                {
                    lost.Add(names[index].ToString());
                }
            }

            string files = string.Join("; ", epochs.Select((file, index) => $"{file.File}: {file.Epoch.Describe(choices[index])}"));
            return NewState(
                position, kind, left,
                file => epochs.FindIndex(each => each.File == file) is var at and >= 0 ? epochs[at].Epoch.Build(choices[at]) : owner.ContentAfter(file, position),
                $"power lost after {(position == 0 ? "nothing" : owner.Trace.Events[position - 1])}; kept of {(files.Length == 0 ? "the files all" : files)}{(lost.Count == 0 ? "" : $"; lost: {string.Join(", ", lost)}")}");
        }
    }

    private FolderTrace Trace => trace;
}
