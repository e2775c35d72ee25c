namespace QedVd.Host;

/// <content>Filters above the chain.</content>
public sealed partial class VirtualDisk
{
    private readonly SemaphoreSlim _filterChanges = new(1, 1);
    private volatile FilterStack? _filters;
    private bool _areFiltersClosed;

    /// <summary>The filters as they are now, topmost first: the one that sees the guest's requests before the others.</summary>
    public IReadOnlyList<DiskFilter> Filters => [.. _filters?.Filters ?? []];

    /// <summary>
    /// Puts a filter on top of those that are there, while the disk is in use. One that changes or remembers content waits until all requests that are under way have
    /// ended, and keeps new ones waiting; others start at once.
    /// </summary>
    /// <param name="filter">On no other disk.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InUse"/> for a filter that is on a disk already, or that changes content below open disks that have this one
    /// as their parent; <see cref="ImageErrorKind.NotSupported"/> for one that remembers content of a disk that changes by other ways than its own writes.</exception>
    public async ValueTask AddFilterAsync(DiskFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        bool isAboutContent = (filter.Traits & (FilterTraits.ChangesContent | FilterTraits.RemembersContent)) != 0;
        MaintenanceTurn? turn = isAboutContent ? await EnterMaintenanceAsync(cancellationToken).ConfigureAwait(false) : null;
        try
        {
            await _filterChanges.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                ObjectDisposedException.ThrowIf(_areFiltersClosed, this);
                FilterStack next = Attach(_filters, [filter]);
                if (isAboutContent)
                {
                    await PublishFiltersHeldAsync(next, filter).ConfigureAwait(false);
                }
                else
                {
                    FilterStack? old = _filters;
                    _filters = next;
                    next.Earlier = old?.RetireAsync() ?? Task.CompletedTask;
                }
            }
            finally
            {
                _filterChanges.Release();
            }
        }
        finally
        {
            turn?.Dispose();
        }
    }

    /// <summary>
    /// Takes a filter away, while the disk is in use. New requests do not pass it from now on; when this returns, none is inside it any more. Not to be
    /// awaited by the filter itself.
    /// </summary>
    /// <param name="filter">The filter.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    /// <returns>False when it is not on this disk.</returns>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InUse"/> for a filter that changes content below open disks that have this one as their parent.</exception>
    public async ValueTask<bool> RemoveFilterAsync(DiskFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        await _filterChanges.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_areFiltersClosed || _filters is not { } old || !old.Filters.Contains(filter))
            {
                return false;
            }

            bool isContent = (filter.Traits & FilterTraits.ChangesContent) != 0;
            if (isContent)
            {
                CloseToChildren("take a filter from");
            }

            try
            {
                DiskFilter[] rest = [.. old.Filters.Where(each => each != filter)];
                _filters = rest.Length == 0 ? null : new FilterStack(this, rest);
                await old.RetireAsync().ConfigureAwait(false);
                filter.Detach();
                return true;
            }
            finally
            {
                if (isContent)
                {
                    Children.Reopen();
                }
            }
        }
        finally
        {
            _filterChanges.Release();
        }
    }

    /// <summary>Puts the filters in place that the disk is opened with. Before any request.</summary>
    internal void AttachFilters(IReadOnlyList<DiskFilter> filters)
    {
        if (filters.Count > 0)
        {
            _filters = Attach(null, filters);
        }
    }

    internal ValueTask WriteBeneathAsync<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => WriteCore<TIo>(offset, buffer, flags, cancellationToken, isFiltered: true);

    internal ValueTask WriteZeroesBeneathAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => WriteZeroesCore<TIo>(offset, lengthBytes, flags, cancellationToken, isFiltered: true);

    internal ValueTask DiscardBeneathAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => DiscardCore<TIo>(offset, lengthBytes, flags, cancellationToken, isFiltered: true);

    internal ValueTask FlushBeneathAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode => FlushCore<TIo>(cancellationToken, isFiltered: true);

    internal ValueTask ReadBeneathAsync<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!TIo.IsSynchronous)
        {
            return ReadUnfilteredAsync(offset, buffer.Memory, cancellationToken);
        }

        ReadUnfiltered(offset, buffer.Span);
        return default;
    }

    private FilterStack Attach(FilterStack? old, IReadOnlyList<DiskFilter> filters)
    {
        List<DiskFilter> attached = [];
        try
        {
            foreach (DiskFilter filter in filters)
            {
                CheckFilter(filter);
                if (!filter.TryAttach(this))
                {
                    throw new ImageException(ImageErrorKind.InUse, $"{Shown}: the filter {filter.GetType().Name} is on a disk already. Take it from there first, or use another one.", Path, "add a filter");
                }

                attached.Add(filter);
            }

            return new FilterStack(this, [.. filters, .. old?.Filters ?? []]);
        }
        catch
        {
            attached.ForEach(filter => filter.Detach());
            throw;
        }
    }

    private void CheckFilter(DiskFilter filter)
    {
        const int MaxAlignmentBytes = 64 << 10;
        if (filter.AlignmentBytes is < 1 or > MaxAlignmentBytes || !int.IsPow2(filter.AlignmentBytes))
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument, $"{Shown}: the filter {filter.GetType().Name} wants units of {filter.AlignmentBytes} bytes; a power of two up to {MaxAlignmentBytes} is possible.", Path, "add a filter");
        }

        if ((filter.Traits & FilterTraits.RemembersContent) != 0 && _generation.Levels.FirstOrDefault(level => level.IsMutable) is { } mutable)
        {
            throw new ImageException(
                ImageErrorKind.NotSupported, $"{Shown}: its parent '{DisplayText.Escape(mutable.Path)}' is a disk that may be written meanwhile, which the filter {filter.GetType().Name} would not see.", Path, "add a filter");
        }
    }

    /// <summary>Whoever writes without passing the new filter has ended before anybody passes it. Holds the turn.</summary>
    private async ValueTask PublishFiltersHeldAsync(FilterStack next, DiskFilter filter)
    {
        bool isContent = (filter.Traits & FilterTraits.ChangesContent) != 0;
        if (isContent)
        {
            try
            {
                CloseToChildren("put a filter on");
            }
            catch
            {
                filter.Detach();
                throw;
            }
        }

        FilterStack? old = _filters;
        Task open = next.Gate.CloseAsync();
        _filters = next;
        try
        {
            await open.ConfigureAwait(false);
            if (old is not null)
            {
                await old.RetireAsync().ConfigureAwait(false);
            }

            // A writer looks for filters once it is inside this gate: none that is in there afterwards has missed the new one.
            RequestGate writers = _generation.Writers;
            Task left = writers.CloseAsync();
            await left.ConfigureAwait(false);
            writers.Reopen();
        }
        finally
        {
            next.Gate.Reopen();
            if (isContent)
            {
                Children.Reopen();
            }
        }
    }

    /// <summary>Ends with the disk: waits until no request is inside a filter any more.</summary>
    private async ValueTask CloseFiltersAsync<TIo>()
        where TIo : struct, IIoMode
    {
        await TIo.WaitAsync(_filterChanges.WaitAsync(), default).ConfigureAwait(false);
        try
        {
            _areFiltersClosed = true;
            if (_filters is { } stack)
            {
                // It stays in its place, closed: nobody gets by.
                await TIo.WaitAsync(stack.RetireAsync(), default).ConfigureAwait(false);
                foreach (DiskFilter filter in stack.Filters)
                {
                    filter.Detach();
                }
            }
        }
        finally
        {
            _filterChanges.Release();
        }
    }
}
