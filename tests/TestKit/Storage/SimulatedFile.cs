namespace QedVd.TestKit;

/// <summary>
/// A file in memory for tests, which keeps apart what is written and what is durable, and records all that happens to it. Storages
/// (<see cref="Open"/>) are handles on it; it outlives them, so that a test can close an image, look, and open it again.
/// <see cref="CrashStates"/> makes of it what a crash may leave.
/// </summary>
/// <remarks>Thread safe. What a barrier covers is what had taken effect when the barrier began.</remarks>
/// <example><code>
/// var file = new SimulatedFile();
/// file.Fail(new StorageFault { Kind = StorageOperationKind.Write, Nth = 2, Error = ImageErrorKind.OutOfSpace });
/// IDiskImage image = backend.Open(file.Open(), new ImageOpenOptions());
/// </code></example>
public sealed partial class SimulatedFile
{
    /// <summary>What a good file system states, except that ranges are not copied by it.</summary>
    public const StorageFacts GoodFacts =
        StorageFacts.NeverWrittenReadsZero | StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles | StorageFacts.CanSetLength;

    private static long s_lastId;

    private readonly Lock _lock = new();
    private readonly List<StorageOperation> _trace = [];
    private readonly List<StorageFault> _faults = [];
    private readonly List<StorageGate> _gates = [];
    private readonly int[] _counts = new int[(int)StorageOperationKind.Mark + 1];
    private readonly SparseBytes _initial;
    private readonly SparseBytes _content;
    private ImageException? _fence;
    private int _epoch;
    private int _fenceCount;
    private int _durableCount;
    private int _openHandles;

    /// <summary>Creates a file, with this content, durable.</summary>
    public SimulatedFile(string name = "simulated", StorageFacts facts = GoodFacts, ReadOnlySpan<byte> content = default)
        : this(name, facts, new SparseBytes())
    {
        _content.Write(0, content);
        _initial = _content.Clone();
    }

    internal SimulatedFile(string name, StorageFacts facts, SparseBytes content, bool keepsTrace = true)
    {
        Name = name;
        Facts = facts;
        _content = content;
        KeepsTrace = keepsTrace;
        _initial = keepsTrace ? content.Clone() : content;
        Identity = new StorageIdentity(0, (ulong)Interlocked.Increment(ref s_lastId));
    }

    /// <summary>A file with the content of a host file.</summary>
    public static SimulatedFile FromHostFile(string path, StorageFacts facts = GoodFacts) => new(path, facts, File.ReadAllBytes(path));

    /// <summary>The name for messages.</summary>
    public string Name { get; }

    /// <summary>What its storages state.</summary>
    public StorageFacts Facts { get; }

    /// <summary>Tells this file from others.</summary>
    public StorageIdentity Identity { get; }

    /// <summary>With false, asynchronous members never complete inline, as on a slow disk. The default is true.</summary>
    public bool CompletesInline { get; set; } = true;

    /// <summary>With false nothing is recorded, so that long runs need no memory for it; there are no crash states then. The default is true.</summary>
    public bool KeepsTrace { get; set; } = true;

    /// <summary>The last barrier that failed, or null. The storages of then stay fenced; one that is opened later tells it and goes on.</summary>
    public StorageFence? Fence { get; private set; }

    /// <summary>Storages that are open now.</summary>
    public int OpenHandles => Volatile.Read(ref _openHandles);

    /// <summary>The length.</summary>
    public long LengthBytes
    {
        get
        {
            lock (_lock)
            {
                return _content.LengthBytes;
            }
        }
    }

    /// <summary>All that happened so far.</summary>
    public IReadOnlyList<StorageOperation> Trace
    {
        get
        {
            lock (_lock)
            {
                return [.. _trace];
            }
        }
    }

    /// <summary>How many entries of the trace are durable, whatever happens.</summary>
    public int DurableCount
    {
        get
        {
            lock (_lock)
            {
                return _durableCount;
            }
        }
    }

    /// <summary>Opens a storage on the file.</summary>
    public SimulatedStorage Open(bool readOnly = false) => new(this, readOnly);

    /// <summary>Lets operations fail; returns the fault, which tells how often it struck.</summary>
    public StorageFault Fail(StorageFault fault)
    {
        lock (_lock)
        {
            _faults.Add(fault);
        }

        return fault;
    }

    /// <summary>Lets the <paramref name="nth"/> operation of a kind from now on fail.</summary>
    public StorageFault Fail(StorageOperationKind kind, int nth = 1, ImageErrorKind error = ImageErrorKind.Io, bool isSticky = false) =>
        Fail(new StorageFault { Kind = kind, Nth = nth, Error = error, IsSticky = isSticky });

    /// <summary>Takes all faults away. A fence stays.</summary>
    public void ClearFaults()
    {
        lock (_lock)
        {
            _faults.Clear();
        }
    }

    /// <summary>Holds the <paramref name="nth"/> operation of a kind from now on, before its effect or after it, until it is released.</summary>
    public StorageGate Hold(StorageOperationKind kind, int nth = 1, bool afterEffect = false, Func<long, long, bool>? where = null)
    {
        var gate = new StorageGate(kind, nth, afterEffect, where);
        lock (_lock)
        {
            _gates.Add(gate);
        }

        return gate;
    }

    /// <summary>Puts a note into the trace ("this write was acknowledged").</summary>
    public void Mark(object note) => MarkAt(note);

    internal int MarkAt(object note)
    {
        lock (_lock)
        {
            Record(new StorageOperation { Index = _trace.Count, Epoch = _epoch, Kind = StorageOperationKind.Mark, Note = note });
            return _trace.Count - 1;
        }
    }

    /// <summary>How many operations of a kind have begun.</summary>
    public int CountOf(StorageOperationKind kind)
    {
        lock (_lock)
        {
            return _counts[(int)kind];
        }
    }

    /// <summary>How many operations have begun that change bytes or the length.</summary>
    public int CountOfChanges()
    {
        lock (_lock)
        {
            return _counts[(int)StorageOperationKind.Write] + _counts[(int)StorageOperationKind.SetLength]
                + _counts[(int)StorageOperationKind.PunchHole] + _counts[(int)StorageOperationKind.Allocate];
        }
    }

    /// <summary>A number for the content: equal when length and every byte are.</summary>
    public string ComputeHash()
    {
        lock (_lock)
        {
            return _content.ComputeHash();
        }
    }

    /// <summary>The bytes, past all faults and gates.</summary>
    public byte[] ReadBytes(long offset, int lengthBytes)
    {
        byte[] bytes = new byte[lengthBytes];
        lock (_lock)
        {
            int read = _content.Read(offset, bytes);
            return read == lengthBytes ? bytes : bytes[..read];
        }
    }

    /// <summary>Reads bytes past all faults and gates; returns how many there were.</summary>
    public int ReadBytes(long offset, Span<byte> buffer)
    {
        lock (_lock)
        {
            return _content.Read(offset, buffer);
        }
    }

    /// <summary>Changes bytes as no storage would (to damage an image), past faults, gates and trace; durable. Not while crash states are wanted.</summary>
    public void Poke(long offset, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            _content.Write(offset, bytes);
            _initial.Write(offset, bytes);
        }
    }

    /// <summary>A new file with the content of now, all of it durable: what is left when the process is killed between two operations.</summary>
    public SimulatedFile Copy(StorageFacts? facts = null)
    {
        lock (_lock)
        {
            return new SimulatedFile(Name, facts ?? Facts, _content.Clone());
        }
    }

    /// <summary>The bytes, for who is alone with a file that keeps no trace.</summary>
    internal SparseBytes Content => _content;

    /// <summary>A new file over the same bytes, which nobody changes as long as it is there.</summary>
    internal SimulatedFile View() => new(Name, Facts, _content, keepsTrace: false);

    /// <summary>A copy that nothing is recorded of.</summary>
    internal SimulatedFile CopyWithoutTrace()
    {
        lock (_lock)
        {
            return new SimulatedFile(Name, Facts, _content.Clone(), keepsTrace: false);
        }
    }

    internal void CountUntraced(StorageOperationKind kind) => _counts[(int)kind]++;

    /// <summary>Writes the content to a host file, holes included, for a peer's tools.</summary>
    public void SaveTo(string path)
    {
        SparseBytes content;
        lock (_lock)
        {
            content = _content.Clone();
        }

        using FileStream file = File.Create(path);
        file.SetLength(content.LengthBytes);
        byte[] buffer = new byte[1 << 20];
        for (long offset = 0; offset < content.LengthBytes;)
        {
            StorageExtent extent = content.GetExtent(offset);
            for (long done = 0; !extent.IsHole && done < extent.LengthBytes;)
            {
                int count = content.Read(offset + done, buffer.AsSpan(0, (int)Math.Min(buffer.Length, extent.LengthBytes - done)));
                file.Position = offset + done;
                file.Write(buffer, 0, count);
                done += count;
            }

            offset += extent.LengthBytes;
        }
    }

    internal (SparseBytes Initial, StorageOperation[] Trace) Recording()
    {
        lock (_lock)
        {
            return KeepsTrace ? (_initial.Clone(), [.. _trace]) : throw new InvalidOperationException($"{Name}: nothing was recorded.");
        }
    }

    private void Record(StorageOperation operation)
    {
        if (KeepsTrace)
        {
            _trace.Add(operation);
        }
    }
}
