using System.Diagnostics.CodeAnalysis;

namespace QedVd.TestKit;

/// <summary>A workload that was run on an image in a simulated file, with all that it did to the file and what each sector may be at any instant.</summary>
public sealed class CrashRecording
{
    private readonly bool _isPrelude;
    private readonly GuestHistory _history;
    private readonly SimulatedFile _file;
    private readonly List<string> _problems = [];
    private Scheduler? _scheduler;
    private ComposedImage? _image;
    private int _writers;
    private int _openings;

    private CrashRecording(CrashSubject subject, SimulatedFile file, GuestHistory history, bool isPrelude, int writers)
    {
        Subject = subject;
        _file = file;
        _history = history;
        _isPrelude = isPrelude;
        _writers = writers;
    }

    /// <summary>What was recorded.</summary>
    public CrashSubject Subject { get; }

    /// <summary>The file, with its trace.</summary>
    public SimulatedFile File => _file;

    /// <summary>The steps, for a failed test.</summary>
    public IReadOnlyList<GuestOperation> Operations { get; private set; } = [];

    /// <summary>What went wrong while it ran, without any crash; empty when nothing did.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Steps that the format refused (a name too long, a size it cannot have); they changed nothing.</summary>
    public int Refusals { get; private set; }

    /// <summary>How many entries of the trace count: what closing the image did at the very end does not.</summary>
    public int EndPosition { get; private set; }

    /// <summary>Where in the trace the damage (<see cref="CrashSubject.Damage"/>) had been repaired.</summary>
    public int RepairedPosition { get; private set; } = int.MaxValue;

    /// <summary>The block size of the image.</summary>
    public int BlockBytes { get; private set; }

    internal GuestHistory History => _history;

    /// <summary>What may have been unlinked, and by which opening of the image: none that comes later knows that it is free.</summary>
    internal List<FreedRoom> Freed { get; } = [];

    /// <summary>
    /// Makes an image, runs a prelude on it, closes it, and records a workload from there on.
    /// </summary>
    public static CrashRecording Record(CrashSubject subject, IEnumerable<GuestOperation> prelude, IEnumerable<GuestOperation> operations)
    {
        ArgumentNullException.ThrowIfNull(subject);
        CrashRecording? recording = null;
        OneThread.Run(() => recording = RecordHere(subject, prelude, operations));
        return recording!;
    }

    private static CrashRecording RecordHere(CrashSubject subject, IEnumerable<GuestOperation> prelude, IEnumerable<GuestOperation> operations)
    {
        SimulatedFile file = new("image", subject.Facts);
        using (SimulatedStorage storage = file.Open())
        {
            subject.Backend.Create(storage, subject.CreateOptions);
        }

        GuestHistory history = new(subject.Parents, subject.CreateOptions.VirtualSizeBytes);
        history.Parents.Add(GuestHistory.Settled(NameOf(subject.CreateOptions.Parent)));
        CrashRecording before = new(subject with { Between = null, Mode = ConsistencyMode.Ordered }, file, history, isPrelude: true, 0);
        before.Run([.. prelude, new GuestOperation(GuestOperationKind.Flush)], close: true);
        SimulatedFile start = file.Copy();
        subject.Damage?.Invoke(start);
        GuestHistory afterwards = history.Continue(history.Sizes[^1].Value);
        foreach ((long from, long to, long length) in subject.DamagedCopies)
        {
            for (long done = 0; done < length; done += SparseBytes.SectorBytes)
            {
                afterwards.StartsAs((to + done) / SparseBytes.SectorBytes, (from + done) / SparseBytes.SectorBytes);
            }
        }

        CrashRecording recording = new(subject, start, afterwards, isPrelude: false, before._writers) { Operations = [.. operations] };
        recording._problems.AddRange(before._problems);
        recording.Freed.AddRange(before.Freed.Select(freed => freed with { Begun = -1, Opening = -1 }));
        recording._scheduler = subject.Schedule is { } seed ? new Scheduler(seed) : null;
        recording.Run(recording.Operations, close: false);
        return recording;
    }

    /// <summary>The trace with the steps, for a failed test.</summary>
    public string Describe() => $"{Subject.Description}\nsteps: {string.Join("; ", Operations)}\ntrace:\n{string.Join('\n', _file.Trace.Take(EndPosition + 1))}";

    internal static string NameOf(ParentReference? parent) => parent is null ? "(none)" : $"{parent.Name}{(parent.IsRaw ? " (raw)" : "")}";

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a format throws is what the recording is about.")]
    private void Run(IReadOnlyList<GuestOperation> operations, bool close)
    {
        try
        {
            if (!Subject.IsDamaged || _isPrelude)
            {
                Open();
            }

            foreach (GuestOperation operation in operations)
            {
                Perform(operation);
            }

            EndPosition = _file.MarkAt("end");
            CompareLive();
        }
        catch (Exception exception)
        {
            EndPosition = _file.MarkAt("failed");
            _problems.Add(exception.ToString());
        }

        if (close && _problems.Count == 0)
        {
            _image?.Image.Close();
        }

        _image?.Dispose();
        _image = null;
    }

    private void Open()
    {
        _image = new ComposedImage(Subject.Open(_file, isReadOnly: false, isRecorded: true, _scheduler), Subject.Parents);
        BlockBytes = _image.Image.Limits.BlockBytes;
        _openings++;
    }

    // A step gives blocks of the disk back, those that it names or all beyond the new size; compacting may give back any that was touched.
    private void NoteFreed(GuestOperation step, int begun)
    {
        (long start, long end) = step.Kind switch
        {
            GuestOperationKind.Zero or GuestOperationKind.Discard => (step.Offset, step.Offset + step.LengthBytes),
            GuestOperationKind.Resize => (step.Offset, long.MaxValue),
            GuestOperationKind.Compact => (0, long.MaxValue),
            _ => (0, 0),
        };
        IEnumerable<long> sectors = end == long.MaxValue
            ? _history.Sectors.Select(sector => sector * SparseBytes.SectorBytes).Where(offset => offset >= start)
            : Enumerable.Range(0, (int)((end - start + BlockBytes - 1) / BlockBytes) + 1).Select(block => start + ((long)block * BlockBytes)).Where(offset => offset / BlockBytes * BlockBytes < end);
        long tables = step.Kind == GuestOperationKind.Resize ? Subject.TablesOfResizeBytes : 0;
        Freed.AddRange(sectors.Select(offset => offset / BlockBytes).Distinct().Select(block => new FreedRoom(begun, _openings, block, 0)));
        Freed.Add(new FreedRoom(begun, _openings, -1, tables));
    }

    // When this returns, nothing is under way in the background: what a step began ends at one and the same place in each run.
    private void Perform(GuestOperation operation)
    {
        if (operation.Kind is GuestOperationKind.Reopen or GuestOperationKind.RepairLeaks or GuestOperationKind.RepairAll)
        {
            Reopen(operation.Kind switch { GuestOperationKind.RepairLeaks => RepairMode.Leaks, GuestOperationKind.RepairAll => RepairMode.All, _ => null });
        }
        else if (_scheduler is null)
        {
            OneThread.Complete(operation.Kind == GuestOperationKind.Together ? TogetherAsync(operation) : RequestAsync(operation));
        }
        else
        {
            foreach (GuestOperation one in operation.Kind == GuestOperationKind.Together ? operation.Together : [operation])
            {
                _scheduler.Spawn(one.Kind.ToString(), () => RequestAsync(one));
            }

            _scheduler.Run();
        }
    }

    private async Task TogetherAsync(GuestOperation operation)
    {
        // Operations of the storage complete inline but for the one that is held: so the order of what follows is the same in each run.
        using StorageGate gate = _file.Hold(operation.HeldAt, operation.HeldAtNth);
        List<Task> running = [];
        foreach (GuestOperation one in operation.Together)
        {
            running.Add(RequestAsync(one));
        }

        gate.Release();
        await Task.WhenAll(running).ConfigureAwait(false);
    }

    private void Reopen(RepairMode? repair)
    {
        if (_image is not null)
        {
            int begun = _file.MarkAt("close");
            _image.Image.Close();
            _image.Dispose();
            _image = null;
            _history.Flushes.Add((begun, _file.MarkAt("closed")));
        }

        if (repair is { } mode)
        {
            _file.MarkAt($"repair {mode}");
            CheckReport report = Subject.Check(_file, mode, isRecorded: true, findings: 8);
            RepairedPosition = Math.Min(RepairedPosition, _file.MarkAt("repaired"));
            if (mode == RepairMode.All ? !report.IsClean : report.Leaks > 0)
            {
                _problems.Add($"after repair {mode}: {report.Corruptions} corruptions, {report.Leaks} leaks, {report.CheckErrors} errors");
            }
        }

        Open();
    }

    private async Task RequestAsync(GuestOperation operation)
    {
        int begun = _file.MarkAt($"begin {operation}");
        Pending pending = new(this, operation, begun);
        try
        {
            await pending.RunAsync().ConfigureAwait(false);
        }
        catch (ImageException exception) when (exception.Kind is ImageErrorKind.InvalidArgument or ImageErrorKind.NotSupported)
        {
            _file.MarkAt($"refused {operation}: {exception.Message}");
            Refusals++;
            pending.Withdraw();
            return;
        }

        pending.Acknowledge(_file.MarkAt($"done {operation.Kind}"));
    }

    // The model against the image itself, before any crash.
    private void CompareLive()
    {
        if (_image is null)
        {
            return;
        }

        byte[] bytes = new byte[SparseBytes.SectorBytes];
        foreach (long sector in _history.Sectors)
        {
            if ((sector + 1) * SparseBytes.SectorBytes <= _image.Image.VirtualSizeBytes)
            {
                _image.Read(sector * SparseBytes.SectorBytes, bytes);
                ulong[] possible = _history.Possible(sector, int.MaxValue);
                if (!possible.Contains(SectorValue.Of(bytes)))
                {
                    _problems.Add($"without any crash, sector {sector} reads {SectorValue.Describe(SectorValue.Of(bytes))}, not {string.Join(" or ", possible.Select(SectorValue.Describe))}");
                    return;
                }
            }
        }
    }

    /// <summary>A block of the disk, or bytes of tables, that a step may have unlinked.</summary>
    internal sealed record FreedRoom(int Begun, int Opening, long Block, long TableBytes);

    /// <summary>A step under way: what it will have changed, and how it is carried out.</summary>
    private sealed class Pending
    {
        private readonly CrashRecording _recording;
        private readonly GuestOperation _operation;
        private readonly int _begun;
        private readonly List<(long Sector, GuestHistory.Change<ulong> Change, byte[] Before)> _sectors = [];
        private readonly byte[] _data = [];
        private readonly GuestHistory.Change<string>? _parent;
        private GuestHistory.Change<long>? _size;

        public Pending(CrashRecording recording, GuestOperation operation, int begun)
        {
            _recording = recording;
            _operation = operation;
            _begun = begun;
            recording.NoteFreed(operation, begun);
            switch (operation.Kind)
            {
                case GuestOperationKind.Write:
                    _data = NewData(operation);
                    Change(operation.Offset, operation.LengthBytes, _data);
                    break;
                case GuestOperationKind.Zero or GuestOperationKind.Discard:
                    Change(operation.Offset, operation.LengthBytes, new byte[operation.LengthBytes]);
                    break;
                case GuestOperationKind.Resize:
                    BeginResize();
                    break;
                case GuestOperationKind.SetParent:
                    _parent = new GuestHistory.Change<string>(NameOf(operation.Parent), begun);
                    _recording._history.Parents.Add(_parent);
                    break;
                default:
                    break;
            }
        }

        private ComposedImage Image => _recording._image!;

        private GuestHistory History => _recording._history;

        public async Task RunAsync()
        {
            GuestOperation step = _operation;
            switch (step.Kind)
            {
                case GuestOperationKind.Write:
                    await Image.WriteAsync(step.Offset, _data, step.Flags).ConfigureAwait(false);
                    break;
                case GuestOperationKind.Zero:
                    await Image.ZeroAsync(step.Offset, step.LengthBytes, step.Flags).ConfigureAwait(false);
                    break;
                case GuestOperationKind.Discard:
                    await Image.DiscardAsync(step.Offset, step.LengthBytes, step.Flags).ConfigureAwait(false);
                    await SeeDiscardedAsync().ConfigureAwait(false);
                    break;
                case GuestOperationKind.Flush:
                    await Image.Image.FlushAsync().ConfigureAwait(false);
                    break;
                case GuestOperationKind.Resize:
                    await Image.ResizeAsync(step.Offset).ConfigureAwait(false);
                    break;
                case GuestOperationKind.SetParent:
                    await Image.Image.SetParentAsync(step.Parent).ConfigureAwait(false);
                    await Image.Image.SetBeneathAsync(_recording.Subject.Parents.Beneath).ConfigureAwait(false);
                    break;
                default:
                    await Image.Image.CompactAsync(new CompactOptions()).ConfigureAwait(false);
                    break;
            }
        }

        public void Acknowledge(int position)
        {
            bool isDurable = (_operation.Flags & WriteFlags.ForceUnitAccess) != 0 || _recording.Subject.Mode == ConsistencyMode.WriteThrough || _size is not null;
            foreach ((long _, GuestHistory.Change<ulong> change, byte[] _) in _sectors)
            {
                change.Acknowledged = position;
                change.Durable = isDurable ? position : int.MaxValue;
            }

            if (_size is not null)
            {
                _size.Acknowledged = _size.Durable = position;
            }

            if (_parent is not null)
            {
                _parent.Acknowledged = _parent.Durable = position;
            }

            if (_operation.Kind == GuestOperationKind.Flush)
            {
                History.Flushes.Add((_begun, position));
            }
        }

        public void Withdraw()
        {
            foreach ((long sector, GuestHistory.Change<ulong> change, byte[] before) in _sectors)
            {
                History.Withdraw(sector, change, before);
            }

            History.Sizes.RemoveAll(size => size == _size);
            History.Parents.RemoveAll(parent => parent == _parent);
        }

        private byte[] NewData(GuestOperation operation)
        {
            int writer = ++_recording._writers;
            byte[] data = new byte[operation.LengthBytes];
            int lead = (int)(operation.Offset % SparseBytes.SectorBytes);
            byte[] whole = new byte[(lead + data.Length + SparseBytes.SectorBytes - 1) / SparseBytes.SectorBytes * SparseBytes.SectorBytes];
            SectorValue.Fill(whole, writer, operation.Offset / SparseBytes.SectorBytes);
            whole.AsSpan(lead, data.Length).CopyTo(data);
            return data;
        }

        private void Change(long offset, long lengthBytes, ReadOnlySpan<byte> data)
        {
            for (long sector = offset / SparseBytes.SectorBytes; sector * SparseBytes.SectorBytes < offset + lengthBytes; sector++)
            {
                long start = Math.Max(offset, sector * SparseBytes.SectorBytes);
                long end = Math.Min(offset + lengthBytes, (sector + 1) * SparseBytes.SectorBytes);
                byte[] before = History.ContentOf(sector);
                byte[] after = (byte[])before.Clone();
                data[(int)(start - offset)..(int)(end - offset)].CopyTo(after.AsSpan((int)(start - (sector * SparseBytes.SectorBytes))));
                _sectors.Add((sector, History.Begin(sector, after, _begun), before));
            }
        }

        // Behind a smaller size everything is forgotten: what is grown again reads zero.
        private void BeginResize()
        {
            long old = History.Sizes[^1].Value;
            _size = new GuestHistory.Change<long>(_operation.Offset, _begun);
            History.Sizes.Add(_size);
            IEnumerable<long> touched = History.Sectors.Concat(History.Beneath.HeldRuns.SelectMany(SectorsOf)).Distinct();
            foreach (long sector in touched.Where(sector => sector * SparseBytes.SectorBytes >= _operation.Offset && sector * SparseBytes.SectorBytes < old).ToArray())
            {
                byte[] before = History.ContentOf(sector);
                _sectors.Add((sector, History.Begin(sector, new byte[SparseBytes.SectorBytes], _begun), before));
            }
        }

        private static IEnumerable<long> SectorsOf((long Start, long End) run)
        {
            for (long sector = run.Start / SparseBytes.SectorBytes; sector * SparseBytes.SectorBytes < run.End; sector++)
            {
                yield return sector;
            }
        }

        // A discard may leave things as they were; what it shows now it shows from now on.
        private async Task SeeDiscardedAsync()
        {
            byte[] bytes = new byte[SparseBytes.SectorBytes];
            foreach ((long Sector, GuestHistory.Change<ulong> Change, byte[] Before) row in _sectors.ToArray())
            {
                if ((row.Sector + 1) * SparseBytes.SectorBytes > Image.Image.VirtualSizeBytes)
                {
                    continue;
                }

                await Image.ReadAsync(row.Sector * SparseBytes.SectorBytes, bytes).ConfigureAwait(false);
                if (SectorValue.Of(bytes) != row.Change.Value)
                {
                    History.Withdraw(row.Sector, row.Change, row.Before);
                    _sectors.Remove(row);
                }
            }
        }
    }
}
