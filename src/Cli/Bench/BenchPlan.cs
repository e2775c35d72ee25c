namespace QedVd.Cli.Bench;

/// <summary>What a bench does, in qemu-img bench's terms.</summary>
internal sealed record BenchPlan
{
    public required bool IsWrite { get; init; }

    public required int Count { get; init; }

    public required int Depth { get; init; }

    public required int RequestBytes { get; init; }

    public required long StepBytes { get; init; }

    public required long StartOffset { get; init; }

    /// <summary>A flush after this many writes; 0: none.</summary>
    public required int FlushInterval { get; init; }

    /// <summary>Whether a flush waits until no request is under way, and the requests for the flush.</summary>
    public required bool Drains { get; init; }

    public required byte Pattern { get; init; }

    /// <summary>The offset of the request after one at <paramref name="offset"/>: it wraps at the end of the disk.</summary>
    public long Next(long offset, long diskBytes) => (offset + StepBytes) % diskBytes;

    /// <summary>Whether a flush is due after so many requests. Counted from the end, as qemu-img does: the last request is always followed by one.</summary>
    public bool IsFlushDue(int issued) => FlushInterval > 0 && (Count - issued) % FlushInterval == 0;
}
