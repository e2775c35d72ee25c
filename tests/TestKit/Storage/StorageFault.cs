namespace QedVd.TestKit;

/// <summary>A failure that a simulated file is to show; see <see cref="SimulatedFile.Fail(StorageFault)"/>.</summary>
public sealed record StorageFault
{
    /// <summary>Operations of this kind.</summary>
    public required StorageOperationKind Kind { get; init; }

    /// <summary>The how-manieth such operation from when the fault was added, counted from 1 in the order in which they begin.</summary>
    public int Nth { get; init; } = 1;

    /// <summary>Every later one fails too.</summary>
    public bool IsSticky { get; init; }

    /// <summary>What the caller is told. <see cref="ImageErrorKind.OutOfSpace"/> never fences; a barrier that fails always does.</summary>
    public ImageErrorKind Error { get; init; } = ImageErrorKind.Io;

    /// <summary>Of a write: how many bytes are written all the same. Of a read: how many bytes it returns, without any error; -1 fails it.</summary>
    public int PartialBytes { get; init; } = -1;

    /// <summary>Counts only operations for which this holds (offset, length); null counts all.</summary>
    public Func<long, long, bool>? Where { get; init; }

    /// <summary>How often it struck.</summary>
    public int Hits => _hits;

    /// <summary>How many operations it has looked at.</summary>
    public int Seen => _seen;

    private int _seen;
    private int _hits;

    /// <summary>Whether it strikes this operation. Called under the file's lock.</summary>
    internal bool Strikes(StorageOperationKind kind, long offset, long lengthBytes)
    {
        if (kind != Kind || Where?.Invoke(offset, lengthBytes) == false)
        {
            return false;
        }

        _seen++;
        bool strikes = IsSticky ? _seen >= Nth : _seen == Nth;
        _hits += strikes ? 1 : 0;
        return strikes;
    }
}
