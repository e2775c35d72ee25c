namespace QedVd.Host;

/// <summary>Copies what one disk reads into another: data only, with several workers.</summary>
internal sealed class DiskCopier
{
    /// <summary>The most workers that a copy has.</summary>
    public const int MaxWorkers = 16;

    // Large enough that a call costs little beside its bytes, small enough that they are still in the processor's cache when they are written.
    private const int BestPieceBytes = 256 << 10;

    // One at a time writes, what is ready first; the others read.
    private const int FewestWorkers = 2;
    private const int EnoughWorkers = 4;

    private readonly IProgress<OperationProgress>? _progress;
    private long _copiedBytes;
    private volatile bool _mayShare;

    public DiskCopier(VirtualDisk source, VirtualDisk target, IProgress<OperationProgress>? progress)
    {
        Source = source;
        Target = target;
        _progress = progress;
        TargetBlockBytes = Math.Max(1, target.TopBlockBytes);
    }

    public VirtualDisk Source { get; }

    public VirtualDisk Target { get; }

    public int TargetBlockBytes { get; }

    /// <summary>What is read and written at once, at most; a power of two.</summary>
    public int PieceBytes { get; init; } = BestPieceBytes;

    /// <summary>What the target reads where nothing is written to it; null: zeros.</summary>
    public VirtualDisk? Beneath { get; init; }

    /// <summary>The unit in which zeros inside of data are found; 0: they are copied.</summary>
    public int ZeroBlockBytes { get; init; }

    /// <summary>The target may hold anything: what reads zero in the source is made so.</summary>
    public bool WritesZeros { get; init; }

    /// <summary>The source is one level, and what is free in it stays free.</summary>
    public bool KeepsFree { get; init; }

    /// <summary>Everything is written as data, zeros and holes too.</summary>
    public bool CopiesAll { get; init; }

    public int Workers { get; init; } = DefaultWorkers;

    public RateLimiter? Limiter { get; init; }

    /// <summary>The storage of a new target: where both ends can share blocks, they do instead of being copied. Null: never.</summary>
    public IImageStorage? ShareInto { get; init; }

    /// <summary>Told how many bytes have been written, now and then.</summary>
    public Action<long>? Written { get; init; }

    public static int DefaultWorkers => Math.Clamp(Environment.ProcessorCount, FewestWorkers, EnoughWorkers);

    public async ValueTask<OperationResult> RunAsync(CancellationToken cancellationToken)
    {
        long length = Source.LengthBytes;
        // Shared blocks keep their holes.
        _mayShare = ShareInto is not null && !CopiesAll && (ShareInto.Facts & StorageFacts.CanShareBlocks) != 0;
        _progress?.Report(new OperationProgress(0, length, "copying"));
        var workers = new DiskCopyWorker[Workers];
        try
        {
            for (int i = 0; i < workers.Length; i++)
            {
                workers[i] = new DiskCopyWorker(this);
            }

            var plan = new CopyPlan(Source, Beneath, PieceBytes, WritesZeros) { KeepsFree = KeepsFree, CopiesAll = CopiesAll };
            await PieceWorkers<CopyPiece>.RunAsync(plan.PiecesAsync(cancellationToken), workers, isOrdered: true, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            foreach (DiskCopyWorker? worker in workers)
            {
                worker?.Dispose();
            }
        }

        _progress?.Report(new OperationProgress(length, length, "copying"));
        return new OperationResult(length, _copiedBytes, length - _copiedBytes);
    }

    /// <summary>Has the target's storage share a run of the source's, all of it; false: it has to be copied, and so has everything else then.</summary>
    public bool TryShare(long offset, int lengthBytes)
    {
        if (!_mayShare)
        {
            return false;
        }

        if (Source.TryShare(offset, lengthBytes, Target, ShareInto!, out bool isPossible))
        {
            return true;
        }

        _mayShare = isPossible;
        return false;
    }

    /// <summary>The disk is done up to here. Called in order, one at a time.</summary>
    public void Note(long endBytes, long copiedBytes)
    {
        _copiedBytes += copiedBytes;
        Written?.Invoke(_copiedBytes);
        _progress?.Report(new OperationProgress(endBytes, Source.LengthBytes, "copying"));
    }

    /// <summary>Fills a buffer from a disk, with zeros beyond its end.</summary>
    public static void ReadOrZero(VirtualDisk disk, long offset, Span<byte> buffer)
    {
        int inside = (int)Math.Clamp(disk.LengthBytes - offset, 0, buffer.Length);
        buffer[inside..].Clear();
        if (inside > 0)
        {
            disk.Read(offset, buffer[..inside]);
        }
    }
}
