namespace QedVd.Backends.Qed;

/// <summary>
/// Hands out clusters at the end of the storage, without a lock, and keeps the storage longer than what it has handed out: growth happens
/// ahead of need, in steps, and becomes durable before it is used up.
/// </summary>
/// <remarks>
/// A cluster is fresh when it lies in what this session has added behind a length that was durable before, and was never handed out.
/// What a failed write gives back is not fresh any more, and is taken first.
/// </remarks>
internal sealed partial class ClusterAllocator
{
    private const long MaxStepBytes = 64L << 20;
    private const int MinStepClusters = 16;

    private readonly IImageStorage _storage;
    private readonly QedGeometry _geometry;
    private readonly bool _withoutBarriers;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly List<long> _recycled = [];
    private readonly IoGate _lengthGate = new();
    private bool _isReadOnly;
    private long _limit;
    private long _openedEnd;
    private long _next;
    private long _length;
    private long _durableLength;
    private int _recycledCount;
    private long _cuts;
    private bool _isSettled;
    private bool _isLowered;

    public ClusterAllocator(IImageStorage storage, QedGeometry geometry, QedImageStart start, bool withoutBarriers)
    {
        _storage = storage;
        _geometry = geometry;
        _withoutBarriers = withoutBarriers;
        _time = start.Options.Time;
        Restart(start);
    }

    /// <summary>Where the last whole cluster ended when the image was opened.</summary>
    public long OpenedEnd => Volatile.Read(ref _openedEnd);

    /// <summary>Where the last cluster ends that was handed out.</summary>
    public long AllocatedEnd => Volatile.Read(ref _next);

    /// <summary>The length that the storage has at least.</summary>
    public long LengthBytes => Volatile.Read(ref _length);

    /// <summary>The length that survives a crash.</summary>
    public long DurableLengthBytes => _withoutBarriers ? long.MaxValue : Volatile.Read(ref _durableLength);

    private bool CanSetLength => (_storage.Facts & StorageFacts.CanSetLength) != 0;

    /// <summary>Starts over with a storage of this length. No request is under way.</summary>
    public void Restart(QedImageStart start)
    {
        _isReadOnly = start.IsReadOnly;
        _openedEnd = _next = _durableLength = _geometry.RoundDown(start.FileLengthBytes);
        _length = start.FileLengthBytes;
        _limit = start.GrowthLimitBytes;
        _isSettled = _isLowered = false;

        // What was given back belongs to whoever has written to the file meanwhile; at worst it is lost room.
        lock (_lock)
        {
            _recycled.Clear();
            Volatile.Write(ref _recycledCount, 0);
        }
    }

    /// <summary>All entries were proven against <see cref="AllocatedEnd"/>: from now on that counts as the end that the file had at the opening.</summary>
    public void TrustUpToEnd() => Volatile.Write(ref _openedEnd, AllocatedEnd);

    /// <summary>Read-only: whether another process has made the storage longer since it was last looked at.</summary>
    public bool HasFileGrown()
    {
        if (!_isReadOnly)
        {
            return false;
        }

        long end = _geometry.RoundDown(_storage.GetLength());
        return end > Interlocked.Exchange(ref _openedEnd, end);
    }

    /// <summary>Takes clusters; perhaps fewer than asked for, at least one.</summary>
    public Reservation Reserve(int clusters) =>
        Volatile.Read(ref _recycledCount) > 0 && TryRecycle(clusters, out Reservation recycled) ? recycled : ReserveFresh(clusters);

    /// <summary>Takes clusters that were never handed out, as one run.</summary>
    public Reservation ReserveFresh(int clusters)
    {
        long bytes = clusters * _geometry.ClusterBytes;
        if (Volatile.Read(ref _next) > QedGeometry.LargestVirtualSizeBytes - (2 * bytes) - MaxStepBytes)
        {
            throw new ImageException(ImageErrorKind.OutOfSpace, $"{_storage.Name}: no offsets left for {clusters} clusters.", _storage.Name, "allocate");
        }

        return new Reservation(_limit == long.MaxValue ? Interlocked.Add(ref _next, bytes) - bytes : AddBelowLimit(bytes), clusters, IsFresh: true);
    }

    /// <summary>Takes back what a failed request has not written to: as if it had not been handed out, where nothing was since.</summary>
    public void Withdraw(in Reservation reservation)
    {
        long end = reservation.Offset + (reservation.Clusters * _geometry.ClusterBytes);
        if (!reservation.IsFresh || Interlocked.CompareExchange(ref _next, reservation.Offset, end) != end)
        {
            GiveBack(reservation);
        }
    }

    /// <summary>Takes back what a failed request may have written: to be used again, but never in part.</summary>
    public void GiveBack(in Reservation reservation)
    {
        lock (_lock)
        {
            for (int i = reservation.Clusters - 1; i >= 0; i--)
            {
                _recycled.Add(reservation.Offset + (i * _geometry.ClusterBytes));
            }

            Volatile.Write(ref _recycledCount, _recycled.Count);
        }
    }

    /// <summary>Hands over what was taken back: from now on it is the caller's. No request is under way that allocates.</summary>
    public void ForgetRecycled()
    {
        lock (_lock)
        {
            _recycled.Clear();
            Volatile.Write(ref _recycledCount, 0);
        }
    }

    /// <summary>A damaged entry names a place beyond the end: the file stops growing there.</summary>
    private long AddBelowLimit(long bytes)
    {
        while (true)
        {
            long offset = Volatile.Read(ref _next);
            if (offset > _limit - bytes)
            {
                throw new ImageException(
                    ImageErrorKind.Corrupt,
                    $"{_storage.Name}: no new cluster at {offset}: a damaged L1 entry names {_limit}, and what is written there would be taken for its table. To repair: qedvd check -r all {_storage.Name}",
                    _storage.Name,
                    "allocate",
                    offset);
            }

            if (Interlocked.CompareExchange(ref _next, offset + bytes, offset) == offset)
            {
                return offset;
            }
        }
    }

    private bool TryRecycle(int clusters, out Reservation reservation)
    {
        lock (_lock)
        {
            reservation = default;
            if (_recycled.Count == 0)
            {
                return false;
            }

            long offset = _recycled[^1];
            int taken = 0;
            do
            {
                _recycled.RemoveAt(_recycled.Count - 1);
                taken++;
            }
            while (taken < clusters && _recycled.Count > 0 && _recycled[^1] == offset + (taken * _geometry.ClusterBytes));

            Volatile.Write(ref _recycledCount, _recycled.Count);
            reservation = new Reservation(offset, taken, IsFresh: false);
            return true;
        }
    }
}
