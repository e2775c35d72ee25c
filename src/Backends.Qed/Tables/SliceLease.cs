namespace QedVd.Backends.Qed;

/// <summary>
/// Entries that stay put until <see cref="Dispose"/>: a pinned page or, when the pool had no page to give, the one sector that was needed.
/// </summary>
internal readonly struct SliceLease : IDisposable
{
    private readonly ulong[]? _sector;
    private readonly int _first;

    /// <summary>Takes over a pin of the page.</summary>
    public SliceLease(TablePage page)
    {
        Page = page;
        End = TablePage.EntryCount;
    }

    /// <summary>Entries from <paramref name="first"/> on, in memory of their own.</summary>
    public SliceLease(ulong[] sector, int first)
    {
        _sector = sector;
        _first = first;
        End = first + sector.Length;
    }

    /// <summary>The page, or null when only a sector was read.</summary>
    public TablePage? Page { get; }

    /// <summary>Where the entries end.</summary>
    public int End { get; }

    public ulong Get(int index) => _sector is null ? Page!.Get(index) : _sector[index - _first];

    public void Dispose() => Page?.Unpin();
}
