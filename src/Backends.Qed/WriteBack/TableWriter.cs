using System.Runtime.ExceptionServices;

namespace QedVd.Backends.Qed;

/// <summary>
/// Brings changed tables to the storage, in order, by commits: fix the set; barrier; linked tables and L1; barrier. One commit at a time, and
/// one is shared by all who wait for it.
/// </summary>
internal sealed class TableWriter(IImageStorage storage, ClusterAllocator allocator, DirtyTables dirty, bool withoutBarriers)
{
    private readonly Lock _lock = new();

    // Commits and early writes of the same sector must not overtake each other.
    private readonly IoGate _sectors = new();
    private CommitTurn? _current;
    private CommitTurn? _next;
    private ImageException? _fence;
    private UnknownHeader? _unknownHeader;

    /// <summary>Whether the file was found cut by somebody else: nothing more may be written to it.</summary>
    public bool IsFenced => Volatile.Read(ref _fence) is not null;

    /// <summary>Throws when <see cref="IsFenced"/>.</summary>
    public void ThrowIfFenced(string operation, long offset = 0)
    {
        if (Volatile.Read(ref _fence) is { } fence)
        {
            throw new ImageException(ImageErrorKind.Fenced, $"{storage.Name}: {operation}: nothing more is written, because the file was cut by someone else while it was open.", storage.Name, operation, offset, fence);
        }
    }

    /// <summary>
    /// The header could not be replaced, and the storage may have either: the next commit writes the one that counts, first of all, and fails if it cannot.
    /// </summary>
    public void RestoreHeader(Func<QedHeader> current, IoGate gate) => Volatile.Write(ref _unknownHeader, new UnknownHeader(current, gate));

    /// <summary>Throws when the file is shorter than what this image has in it, and sees to it that nothing is written any more.</summary>
    public void ThrowIfCut()
    {
        long needed = NeededBytes();
        long length = storage.GetLength();
        if (length >= needed)
        {
            return;
        }

        // Once more: this image may have been trimmed in between.
        needed = NeededBytes();
        length = storage.GetLength();
        if (length < needed)
        {
            ImageException cause = new(
                ImageErrorKind.Io, $"{storage.Name}: the file is truncated: it has {length} bytes, and the image needs {needed}. Close it, and check it before it is used again.", storage.Name, "flush", length);
            Interlocked.CompareExchange(ref _fence, cause, null);
            throw cause;
        }
    }

    /// <summary>Everything published before the call is durable when it returns, and so is everything written.</summary>
    public async ValueTask CommitAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        cancellationToken.ThrowIfCancellationRequested();
        CommitTurn turn;
        Task? before = null;
        Task? shared = null;
        lock (_lock)
        {
            if (_current is null)
            {
                turn = _current = new CommitTurn();
            }
            else if (!_current.HasBegun)
            {
                turn = _current;
                shared = turn.Ended;
            }
            else if (_next is null)
            {
                turn = _next = new CommitTurn();
                before = _current.Ended;
            }
            else
            {
                turn = _next;
                shared = turn.Ended;
            }
        }

        if (shared is not null)
        {
            await TIo.WaitAsync(shared, cancellationToken).ConfigureAwait(false);
            if (turn.Failure is not null)
            {
                ExceptionDispatchInfo.Throw(turn.Failure);
            }

            return;
        }

        if (before is not null)
        {
            // Not cancellable: others rely on this one to do it.
            await TIo.WaitAsync(before, CancellationToken.None).ConfigureAwait(false);
        }

        await RunAsync<TIo>(turn).ConfigureAwait(false);
    }

    /// <summary>Writes out what needs no barrier, so that the end of the process cannot take it along.</summary>
    public async ValueTask WriteFreeAsync<TIo>()
        where TIo : struct, IIoMode
    {
        await _sectors.EnterAsync<TIo>(CancellationToken.None).ConfigureAwait(false);
        try
        {
            ThrowIfFenced("write back");
            using SectorImages images = new();
            long durable = allocator.DurableLengthBytes;
            await WriteImagesAsync<TIo>(images, images => TakeFree(images, durable)).ConfigureAwait(false);
        }
        finally
        {
            _sectors.Exit();
        }
    }

    /// <summary>
    /// Cuts what the file has behind what was handed out. Between commits: a barrier that began when the file was longer says nothing about what comes to
    /// lie there again. No request is under way that allocates. True when the length has changed.
    /// </summary>
    public async ValueTask<bool> TrimAsync<TIo>()
        where TIo : struct, IIoMode
    {
        await _sectors.EnterAsync<TIo>(CancellationToken.None).ConfigureAwait(false);
        try
        {
            ThrowIfFenced("trim");
            return await allocator.TrimAsync<TIo>().ConfigureAwait(false);
        }
        finally
        {
            _sectors.Exit();
        }
    }

    private async ValueTask RunAsync<TIo>(CommitTurn turn)
        where TIo : struct, IIoMode
    {
        try
        {
            await _sectors.EnterAsync<TIo>(CancellationToken.None).ConfigureAwait(false);
            try
            {
                lock (_lock)
                {
                    turn.HasBegun = true;
                }

                await CommitNowAsync<TIo>().ConfigureAwait(false);
            }
            finally
            {
                _sectors.Exit();
            }
        }
        catch (Exception exception)
        {
            turn.Failure = exception;
            throw;
        }
        finally
        {
            TaskCompletionSource? waiters;
            lock (_lock)
            {
                _current = _next;
                _next = null;
                waiters = turn.Waiters;
            }

            waiters?.SetResult();
        }
    }

    private async ValueTask CommitNowAsync<TIo>()
        where TIo : struct, IIoMode
    {
        ThrowIfFenced("flush");
        await SettleHeaderAsync<TIo>().ConfigureAwait(false);
        long durable = allocator.DurableLengthBytes;
        if (dirty.Count > 0)
        {
            using SectorImages images = new();
            await WriteImagesAsync<TIo>(images, images => TakeAll(images, durable)).ConfigureAwait(false);
        }

        await BarrierAsync<TIo>().ConfigureAwait(false);
    }

    private async ValueTask SettleHeaderAsync<TIo>()
        where TIo : struct, IIoMode
    {
        if (Volatile.Read(ref _unknownHeader) is not { } unknown)
        {
            return;
        }

        await unknown.Gate.EnterAsync<TIo>(CancellationToken.None).ConfigureAwait(false);
        try
        {
            await QedHeaderFile.WriteAsync<TIo>(storage, unknown.Current(), CancellationToken.None).ConfigureAwait(false);
            Interlocked.CompareExchange(ref _unknownHeader, null, unknown);
        }
        finally
        {
            unknown.Gate.Exit();
        }
    }

    /// <summary>Takes the whole set; true when it needs both barriers.</summary>
    private bool TakeAll(SectorImages images, long durable)
    {
        foreach (DirtySlice slice in dirty.List())
        {
            dirty.Take(slice, images);
        }

        return images.IsOrdered || images.DataEnd > durable;
    }

    private bool TakeFree(SectorImages images, long durable)
    {
        foreach (DirtySlice slice in dirty.List())
        {
            dirty.TakeFree(slice, images, durable);
        }

        return false;
    }

    /// <param name="images">Empty.</param>
    /// <param name="take">Fixes the set. In here, so that what was taken is pending again also when there was no memory for the rest.</param>
    private async ValueTask WriteImagesAsync<TIo>(SectorImages images, Func<SectorImages, bool> take)
        where TIo : struct, IIoMode
    {
        bool written = false;
        try
        {
            bool twoBarriers = take(images);
            if (images.IsEmpty)
            {
                written = true;
                return;
            }

            await images.RestoreInvalidAsync<TIo>(storage).ConfigureAwait(false);
            await WriteAllAsync<TIo>(images.UnlinkedTables).ConfigureAwait(false);
            if (twoBarriers)
            {
                await BarrierAsync<TIo>().ConfigureAwait(false);
            }

            dirty.MarkLinked(images);
            await WriteAllAsync<TIo>(images.LinkedTables).ConfigureAwait(false);
            await WriteAllAsync<TIo>(images.L1).ConfigureAwait(false);
            dirty.Written(images);
            written = true;
        }
        finally
        {
            if (!written)
            {
                dirty.Failed(images);
            }
        }
    }

    private async ValueTask WriteAllAsync<TIo>(List<SectorWrite> writes)
        where TIo : struct, IIoMode
    {
        foreach (SectorWrite write in writes)
        {
            await TIo.WriteAsync(storage, write.Offset, new IoBuffer(write.Memory), CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async ValueTask BarrierAsync<TIo>()
        where TIo : struct, IIoMode
    {
        if (withoutBarriers)
        {
            return;
        }

        LengthMark mark = allocator.MarkLength();
        await TIo.BarrierAsync(storage, CancellationToken.None).ConfigureAwait(false);
        ThrowIfCut();
        allocator.NoteDurable(mark);
    }

    private long NeededBytes() => Math.Min(allocator.AllocatedEnd, allocator.LengthBytes);

    private sealed record UnknownHeader(Func<QedHeader> Current, IoGate Gate);
}
