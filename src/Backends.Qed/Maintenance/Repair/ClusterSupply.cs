namespace QedVd.Backends.Qed;

/// <summary>New clusters at the end of the file. Those that an invalid entry names already, beyond the end, are left out: it must not come to lead to the data of another.</summary>
internal sealed class ClusterSupply(IImageStorage storage, QedGeometry geometry, long fileEnd, bool isDryRun)
{
    /// <summary>So far behind the end (256 GiB of the smallest clusters) invalid entries are looked at.</summary>
    private const long Window = 1 << 26;

    private readonly long _start = fileEnd >> geometry.ClusterBits;
    private readonly ClusterBitmap _avoided = new(Window);
    private long _next = fileEnd >> geometry.ClusterBits;
    private long _covered = fileEnd >> geometry.ClusterBits;
    private long _kept = fileEnd >> geometry.ClusterBits;
    private bool _hasGrown;

    /// <summary>Clusters handed out.</summary>
    public long TakenCount { get; private set; }

    /// <summary>Notes that an entry names a place beyond the end.</summary>
    public void Avoid(ulong offset)
    {
        ulong cluster = (offset >> geometry.ClusterBits) - (ulong)_start;
        if (cluster < Window)
        {
            _avoided.TrySet((long)cluster);
        }
    }

    /// <summary>Takes a run of clusters.</summary>
    public long Take(int count)
    {
        for (int i = 0; i < count; i++)
        {
            long index = _next + i - _start;
            if (index < Window && _avoided.Contains(index))
            {
                _next += i + 1;
                i = -1;
            }
        }

        long first = _next;
        _next += count;
        TakenCount += count;
        return first;
    }

    /// <summary>Takes the room for what will be needed, so that a full volume is met before anything was changed.</summary>
    public async ValueTask ReserveAsync<TIo>(long clusters, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (clusters == 0 || isDryRun)
        {
            return;
        }

        if ((storage.Facts & StorageFacts.CanSetLength) == 0)
        {
            throw ImageException.NotSupported($"copying {clusters} shared clusters apart in a storage that cannot grow", storage.Name);
        }

        long lengthBytes;
        try
        {
            lengthBytes = checked(clusters << geometry.ClusterBits);
            if (lengthBytes >> geometry.ClusterBits != clusters)
            {
                throw new OverflowException();
            }

            _hasGrown = true;
            await TIo.AllocateAsync(storage, fileEnd, lengthBytes, cancellationToken).ConfigureAwait(false);
            _covered = _start + clusters;
        }
        catch (Exception exception) when (exception is OverflowException or ImageException { Kind: ImageErrorKind.OutOfSpace })
        {
            await TIo.SetLengthAsync(storage, fileEnd, cancellationToken).ConfigureAwait(false);
            throw new ImageException(
                ImageErrorKind.OutOfSpace,
                $"{storage.Name}: the repair needs {clusters} clusters of {geometry.ClusterBytes} bytes for copies, and the volume has no room for them; make room and run it again. Nothing was copied.",
                storage.Name,
                "repair",
                fileEnd,
                exception);
        }
    }

    /// <summary>Makes the file hold all that was taken.</summary>
    public async ValueTask CoverAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (_next > _covered && !isDryRun)
        {
            _hasGrown = true;
            await TIo.AllocateAsync(storage, _covered << geometry.ClusterBits, (_next - _covered) << geometry.ClusterBits, cancellationToken).ConfigureAwait(false);
            _covered = _next;
        }
    }

    /// <summary>What was taken so far stays: entries are about to name it.</summary>
    public void Keep() => _kept = _next;

    /// <summary>Cuts off what no entry can name yet, of a repair that goes no further. Never throws: the next repair finds it as leaks.</summary>
    public async ValueTask GiveBackAsync<TIo>()
        where TIo : struct, IIoMode
    {
        if (!_hasGrown)
        {
            return;
        }

        try
        {
            if (storage.GetLength() > _kept << geometry.ClusterBits)
            {
                await TIo.SetLengthAsync(storage, _kept << geometry.ClusterBits, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (ImageException)
        {
            // What stopped the repair is on its way to the user.
        }
    }
}
