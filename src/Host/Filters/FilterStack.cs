namespace QedVd.Host;

/// <summary>
/// The filters of a disk for as long as they do not change, topmost first. A request uses the stack that it began with, and is counted in its gate;
/// when the gate has drained, no request is inside its filters any more.
/// </summary>
internal sealed partial class FilterStack
{
    private readonly VirtualDisk _disk;
    private readonly DiskFilter[] _filters;
    private readonly int[] _alignments;

    public FilterStack(VirtualDisk disk, IEnumerable<DiskFilter> filters)
    {
        _disk = disk;
        _filters = [.. filters];
        _alignments = [.. _filters.Select(filter => filter.AlignmentBytes)];
        foreach (DiskFilter filter in _filters)
        {
            Traits |= filter.Traits & (FilterTraits.ChangesContent | FilterTraits.RemembersContent);
            ChangesZeroes |= DiskFilter.ChangesZeroes(filter.Traits);
        }
    }

    public RequestGate Gate { get; } = new();

    /// <summary>Ends when no request is inside the stacks any more that this one has taken the place of: some of its filters may be in those too.</summary>
    public Task Earlier { get; set; } = Task.CompletedTask;

    /// <summary>Turns away requests: they go to the stack that has taken this one's place, or see that the disk is closed. Ends when none is inside any of its filters.</summary>
    public Task RetireAsync()
    {
        Task drained = Gate.CloseAsync();
        Gate.WakeWaiters();
        return Task.WhenAll(Earlier, drained);
    }

    public IReadOnlyList<DiskFilter> Filters => _filters;

    public int AlignmentBytes => _alignments.Max();

    /// <summary>Whether any of them changes or remembers content.</summary>
    public FilterTraits Traits { get; }

    public bool ChangesContent => (Traits & FilterTraits.ChangesContent) != 0;

    public bool ChangesZeroes { get; }

    public long LengthBytes => _disk.LengthBytes;

    public ValueTask ReadAsync<TIo>(int index, long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode =>
        index == _filters.Length ? _disk.ReadBeneathAsync<TIo>(offset, buffer, cancellationToken)
        : _alignments[index] == 1 ? CallReadAsync<TIo>(index, offset, buffer, cancellationToken)
        : ReadUnitsAsync<TIo>(index, offset, buffer, cancellationToken);

    public ValueTask WriteAsync<TIo>(int index, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode =>
        index == _filters.Length ? _disk.WriteBeneathAsync<TIo>(offset, buffer, flags, cancellationToken)
        : _alignments[index] == 1 ? CallWriteAsync<TIo>(index, offset, buffer, flags, cancellationToken)
        : WriteUnitsAsync<TIo>(index, offset, buffer, flags, cancellationToken);

    public ValueTask WriteZeroesAsync<TIo>(int index, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode =>
        index == _filters.Length ? _disk.WriteZeroesBeneathAsync<TIo>(offset, lengthBytes, flags, cancellationToken)
        : _alignments[index] == 1 ? CallWriteZeroesAsync<TIo>(index, offset, lengthBytes, flags, cancellationToken)
        : WriteZeroUnitsAsync<TIo>(index, offset, lengthBytes, flags, cancellationToken);

    public ValueTask DiscardAsync<TIo>(int index, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode =>
        index == _filters.Length ? _disk.DiscardBeneathAsync<TIo>(offset, lengthBytes, flags, cancellationToken)
        : _alignments[index] == 1 ? CallDiscardAsync<TIo>(index, offset, lengthBytes, flags, cancellationToken)
        : DiscardUnitsAsync<TIo>(index, offset, lengthBytes, flags, cancellationToken);

    public ValueTask FlushAsync<TIo>(int index, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (index == _filters.Length)
        {
            return _disk.FlushBeneathAsync<TIo>(cancellationToken);
        }

        var beneath = new DiskRequests(this, index + 1);
        if (!TIo.IsSynchronous)
        {
            return _filters[index].FlushAsync(beneath, cancellationToken);
        }

        _filters[index].Flush(beneath);
        return default;
    }

    private ValueTask CallReadAsync<TIo>(int index, long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        var beneath = new DiskRequests(this, index + 1);
        if (!TIo.IsSynchronous)
        {
            return _filters[index].ReadAsync(beneath, offset, buffer.Memory, cancellationToken);
        }

        _filters[index].Read(beneath, offset, buffer.Span);
        return default;
    }

    private ValueTask CallWriteAsync<TIo>(int index, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        var beneath = new DiskRequests(this, index + 1);
        if (!TIo.IsSynchronous)
        {
            return _filters[index].WriteAsync(beneath, offset, buffer.Memory, flags, cancellationToken);
        }

        _filters[index].Write(beneath, offset, buffer.Span, flags);
        return default;
    }

    private ValueTask CallWriteZeroesAsync<TIo>(int index, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        var beneath = new DiskRequests(this, index + 1);
        if (!TIo.IsSynchronous)
        {
            return _filters[index].WriteZeroesAsync(beneath, offset, lengthBytes, flags, cancellationToken);
        }

        _filters[index].WriteZeroes(beneath, offset, lengthBytes, flags);
        return default;
    }

    private ValueTask CallDiscardAsync<TIo>(int index, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        var beneath = new DiskRequests(this, index + 1);
        if (!TIo.IsSynchronous)
        {
            return _filters[index].DiscardAsync(beneath, offset, lengthBytes, flags, cancellationToken);
        }

        _filters[index].Discard(beneath, offset, lengthBytes, flags);
        return default;
    }
}
