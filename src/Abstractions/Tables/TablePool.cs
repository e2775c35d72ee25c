namespace QedVd;

/// <summary>
/// The memory that all images of a host share for their tables, in pages of <see cref="TablePage.SizeBytes"/>. Pages that were not used lately
/// go first. It belongs to the host, which gives it to every image in <see cref="ImageOpenOptions.Tables"/>.
/// </summary>
/// <remarks>Thread safe. The lock is held for moments only, never over I/O, and finding a page that is in memory needs none.</remarks>
public sealed class TablePool
{
    /// <summary>The budget when nothing else is said.</summary>
    public const long DefaultBudgetBytes = 32L << 20;

    private readonly Lock _lock = new();
    private readonly List<TablePage> _pages = [];
    private readonly Stack<TablePage> _free = [];
    private int _hand;
    private int _dirtyPages;

    /// <summary>Creates a pool.</summary>
    /// <param name="budgetBytes">Memory for pages; rounded down to whole pages, at least one.</param>
    public TablePool(long budgetBytes = DefaultBudgetBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(budgetBytes);
        CapacityPages = (int)Math.Clamp(budgetBytes / TablePage.SizeBytes, 1, int.MaxValue / TablePage.SizeBytes);
    }

    /// <summary>The budget, in pages.</summary>
    public int CapacityPages { get; }

    /// <summary>
    /// Pages that hold a slice now. Exceeds <see cref="CapacityPages"/> when requests had to have a page while all were pinned; the first rent after
    /// they have ended brings it back.
    /// </summary>
    public int PagesInUse
    {
        get
        {
            lock (_lock)
            {
                return _pages.Count - _free.Count;
            }
        }
    }

    /// <summary>Pages that their owners hold pinned because the storage does not have their content yet.</summary>
    public int DirtyPages => Volatile.Read(ref _dirtyPages);

    /// <summary>An owner tells that pages became dirty (positive) or clean (negative).</summary>
    public void AddDirty(int pages) => Interlocked.Add(ref _dirtyPages, pages);

    /// <summary>
    /// Gives a page to the slice <paramref name="key"/> of <paramref name="owner"/>: pinned once, invisible to readers until the caller has loaded
    /// it and called <see cref="TablePage.Publish"/>, or has given it back with <see cref="Return"/>.
    /// </summary>
    /// <param name="owner">The image.</param>
    /// <param name="key">Tells the slices of one owner apart. The owner rents a slice once only.</param>
    /// <param name="mayExceed">Exceed the budget rather than fail, for requests that cannot do without.</param>
    /// <returns>The page; null when all are pinned and <paramref name="mayExceed"/> is false.</returns>
    public TablePage? Rent(object owner, long key, bool mayExceed = false)
    {
        ArgumentNullException.ThrowIfNull(owner);
        lock (_lock)
        {
            TablePage? page = TakePage(mayExceed);
            page?.Attach(owner, key);
            return page;
        }
    }

    /// <summary>Gives a rented page back without publishing it. The caller holds the only pin.</summary>
    public void Return(TablePage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        lock (_lock)
        {
            page.Abandon();
            Recycle(page);
        }
    }

    /// <summary>Takes all pages from an owner that is closing, pinned or not. No request of its may be under way.</summary>
    public void ReturnAll(object owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        lock (_lock)
        {
            for (int i = _pages.Count - 1; i >= 0; i--)
            {
                if (_pages[i].BelongsTo(owner))
                {
                    _pages[i].Abandon();
                    Recycle(_pages[i]);
                }
            }
        }
    }

    private TablePage? TakePage(bool mayExceed)
    {
        if (_free.TryPop(out TablePage? free))
        {
            return free;
        }

        if (_pages.Count < CapacityPages)
        {
            return AddPage();
        }

        // Above the budget (because somebody had to have a page) what can be evicted is let go until the pool is back inside.
        TablePage? spare = null;
        for (int rounds = 2 * _pages.Count; rounds > 0 && _pages.Count > 0; rounds--)
        {
            _hand = _hand + 1 < _pages.Count ? _hand + 1 : 0;
            TablePage page = _pages[_hand];
            if (!page.TryDetach())
            {
                continue;
            }

            if (_pages.Count <= CapacityPages)
            {
                return page;
            }

            spare = page;
            _pages.RemoveAt(_hand--);
        }

        if (spare is not null)
        {
            _pages.Add(spare);
            return spare;
        }

        return mayExceed ? AddPage() : null;
    }

    private TablePage AddPage()
    {
        TablePage page = new();
        _pages.Add(page);
        return page;
    }

    private void Recycle(TablePage page)
    {
        if (_pages.Count > CapacityPages)
        {
            _pages.Remove(page);
        }
        else
        {
            _free.Push(page);
        }
    }
}
