namespace QedVd.TestKit;

/// <summary>Everything that a command did to the files of a folder and to their names, in one order.</summary>
public sealed class FolderTrace
{
    internal FolderTrace(IReadOnlyList<TracedFile> files, IReadOnlyDictionary<string, TracedFile> initialNames, IReadOnlyList<FolderEvent> events, IReadOnlyList<string> ambiguous) =>
        (Files, InitialNames, Events, Ambiguous) = (files, initialNames, events, ambiguous);

    /// <summary>All files that there were.</summary>
    public IReadOnlyList<TracedFile> Files { get; }

    /// <summary>Relative names before the command ran.</summary>
    public IReadOnlyDictionary<string, TracedFile> InitialNames { get; }

    /// <summary>What happened.</summary>
    public IReadOnlyList<FolderEvent> Events { get; }

    /// <summary>Pairs of calls that changed the same bytes of a file at the same time: what they left was looked at, which of them was first nobody knows.</summary>
    public IReadOnlyList<string> Ambiguous { get; }

    /// <summary>The names after so many events.</summary>
    public Dictionary<string, TracedFile> NamesAfter(int count)
    {
        var names = new Dictionary<string, TracedFile>(InitialNames);
        foreach (FolderEvent each in Events.Take(count))
        {
            each.Names?.Apply(names);
        }

        return names;
    }

    /// <summary>One file's history as that of a simulated file, for the explorers of single files: it holds what the file held, and has recorded what changed it.</summary>
    public SimulatedFile HistoryOf(TracedFile file, StorageFacts facts = SimulatedFile.GoodFacts)
    {
        ArgumentNullException.ThrowIfNull(file);
        var simulated = new SimulatedFile(file.Name, facts, file.Initial);
        using SimulatedStorage storage = simulated.Open();
        FolderEvent[] history = [.. Events.Where(each => each.File == file)];
        Dictionary<FolderEvent, (StorageGate Gate, Task Barrier)> underWay = [];
        foreach (FolderEvent each in history)
        {
            // What ended while a barrier was under way is not covered by it.
            foreach (FolderEvent barrier in history.Where(barrier => barrier.Change is null && barrier.CoveredCount <= each.Index && barrier.Index >= each.Index && !underWay.ContainsKey(barrier)))
            {
                StorageGate gate = simulated.Hold(StorageOperationKind.Barrier);
                underWay.Add(barrier, (gate, storage.BarrierAsync().AsTask()));
            }

            if (each.Change is null)
            {
                (StorageGate gate, Task barrier) = underWay[each];
                gate.Release();
                SyncIo.Block(barrier);
            }
            else
            {
                Repeat(storage, each.Change);
            }
        }

        return simulated;
    }

    private static void Repeat(SimulatedStorage storage, StorageOperation change)
    {
        switch (change.Kind)
        {
            case StorageOperationKind.Write:
                storage.Write(change.Offset, change.Data.Span);
                break;
            case StorageOperationKind.SetLength:
                storage.SetLength(change.Offset);
                break;
            case StorageOperationKind.PunchHole:
                storage.PunchHole(change.Offset, change.LengthBytes);
                break;
            default:
                storage.Allocate(change.Offset, change.LengthBytes);
                break;
        }
    }
}
