using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host;

namespace QedVd.Cli.Tests.Faults;

/// <summary>Counts what is asked of the storages of a run, over all of them, and lets it go wrong where that is wanted.</summary>
internal sealed class StorageFaults
{
    private static readonly FaultKind[] s_kinds = Enum.GetValues<FaultKind>();

    private readonly Lock _lock = new();
    private readonly int[] _counts = new int[s_kinds.Length];
    private FaultKind _kind;
    private int _nth;
    private bool _isSticky;
    private Action? _struck;

    /// <summary>Put between each backend and its storages: a planted defect.</summary>
    public Func<IImageBackend, IImageBackend> Plant { get; init; } = backend => backend;

    /// <summary>How often it went wrong.</summary>
    public int Hits { get; private set; }

    /// <summary>A host's options with backends whose storages these are.</summary>
    public DiskHostOptions HostOptions()
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(new FaultedBackend(Plant(new QedBackend()), this));
        options.Backends.Add(new FaultedBackend(Plant(new RawBackend()), this));
        return options;
    }

    /// <summary>The n-th operation of the kind goes wrong from now on, or all from it on.</summary>
    /// <param name="struck">Called when it has gone wrong for the first time, before anybody is told.</param>
    public void Arm(FaultKind kind, int nth, bool isSticky, Action? struck = null)
    {
        lock (_lock)
        {
            Array.Clear(_counts);
            (_kind, _nth, _isSticky, _struck, Hits) = (kind, nth, isSticky, struck, 0);
        }
    }

    /// <summary>Nothing goes wrong any more.</summary>
    public void Disarm()
    {
        lock (_lock)
        {
            _nth = 0;
        }
    }

    /// <summary>How many operations there were of the kind.</summary>
    public int CountOf(FaultKind kind)
    {
        lock (_lock)
        {
            return _counts[(int)kind];
        }
    }

    /// <summary>One operation, which may go wrong in these ways: in which of them it does.</summary>
    public FaultKind? Strike(params ReadOnlySpan<FaultKind> kinds)
    {
        bool strikes = false;
        lock (_lock)
        {
            foreach (FaultKind kind in kinds)
            {
                int count = ++_counts[(int)kind];
                strikes |= kind == _kind && _nth > 0 && (_isSticky ? count >= _nth : count == _nth);
            }

            Hits += strikes ? 1 : 0;
            return strikes ? _kind : null;
        }
    }

    /// <summary>What the caller is told.</summary>
    public ImageException Error(FaultKind kind, string name)
    {
        Interlocked.Exchange(ref _struck, null)?.Invoke();
        ImageErrorKind error = kind is FaultKind.WriteWithoutRoom or FaultKind.Length or FaultKind.Allocate ? ImageErrorKind.OutOfSpace : ImageErrorKind.Io;
        return new ImageException(error, $"{name}: {kind} fails, as the test wants it.", name, kind.ToString());
    }
}
