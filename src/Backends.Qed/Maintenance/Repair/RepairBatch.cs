using System.Buffers.Binary;

namespace QedVd.Backends.Qed;

/// <summary>
/// Copies of clusters and the entries that are to name them: all copies, barrier, the entries of L2 tables, barrier, those of L1. Bounded;
/// each prefix leaves every reader its data.
/// </summary>
internal sealed class RepairBatch(IImageStorage storage, QedGeometry geometry, bool isDryRun)
{
    /// <summary>Of copies, more or less.</summary>
    public const long MostBytes = 64 << 20;

    private const int MostItems = 1 << 14;
    private const int MostEntriesAtOnce = 512;

    private readonly ClusterCopier _copier = new(storage, geometry);
    private readonly List<Copy> _copies = [];
    private readonly List<(long Offset, ulong Value)> _l2 = [];
    private readonly List<(long Offset, ulong Value)> _l1 = [];
    private readonly byte[] _run = new byte[MostEntriesAtOnce * QedGeometry.EntryBytes];

    /// <summary>Told of a cluster that cannot be read: its number, the offset of the entry that goes on naming it, the cause.</summary>
    public Action<long, long, ImageException>? OnUnreadable { get; init; }

    /// <summary>Told when copies are durable, before the first entry names one.</summary>
    public Action? OnNaming { get; init; }

    /// <summary>Whether a flush has stopped while it copied: none of its entries was written.</summary>
    public bool IsCopying { get; private set; }

    /// <summary>Whether it is time to flush.</summary>
    public bool IsFull => _copies.Count + _l2.Count + _l1.Count >= MostItems || ((long)_copies.Count << geometry.ClusterBits) >= MostBytes;

    /// <summary>A cluster is copied; then the entry names the copy.</summary>
    public void CopyThenSet(long from, long to, long entryOffset) => _copies.Add(new Copy(from, to, entryOffset, IsSetAlready: false));

    /// <summary>A cluster is copied for an entry of a table that nothing refers to yet and that has the new value already.</summary>
    public void CopyForNewTable(long from, long to, long entryOffset) => _copies.Add(new Copy(from, to, entryOffset, IsSetAlready: true));

    public void SetL2(long entryOffset, ulong value) => _l2.Add((entryOffset, value));

    public void SetL1(long entryOffset, ulong value) => _l1.Add((entryOffset, value));

    /// <summary>Carries out what was added. Without a barrier at the end: what comes next must not depend on the last entries.</summary>
    public async ValueTask FlushAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!isDryRun && _copies.Count + _l2.Count + _l1.Count > 0)
        {
            IsCopying = true;
            await CopyAllAsync<TIo>(cancellationToken).ConfigureAwait(false);
            IsCopying = false;
            await TIo.BarrierAsync(storage, cancellationToken).ConfigureAwait(false);
            // From here on it is quickly done; before, the copies are given back.
            cancellationToken.ThrowIfCancellationRequested();
            OnNaming?.Invoke();
            await WriteAsync<TIo>(_l2, CancellationToken.None).ConfigureAwait(false);
            if (_l1.Count > 0 && _l2.Count > 0)
            {
                await TIo.BarrierAsync(storage, CancellationToken.None).ConfigureAwait(false);
            }

            await WriteAsync<TIo>(_l1, CancellationToken.None).ConfigureAwait(false);
        }

        _copies.Clear();
        _l2.Clear();
        _l1.Clear();
    }

    private async ValueTask CopyAllAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        for (int start = 0; start < _copies.Count;)
        {
            int end = start + 1;
            while (end < _copies.Count && _copies[end].From - _copies[start].From == end - start && _copies[end].To - _copies[start].To == end - start)
            {
                end++;
            }

            bool isAtOnce = await _copier.CopyAsync<TIo>(_copies[start].From, _copies[start].To, end - start, cancellationToken).ConfigureAwait(false) is null;
            for (; start < end; start++)
            {
                Copy copy = _copies[start];
                ImageException? exception = isAtOnce ? null : await _copier.CopyAsync<TIo>(copy.From, copy.To, 1, cancellationToken).ConfigureAwait(false);
                if (exception is not null)
                {
                    OnUnreadable?.Invoke(copy.From, copy.EntryOffset, exception);
                }

                // What cannot be copied stays shared, in a new table too.
                if (exception is null != copy.IsSetAlready)
                {
                    _l2.Add((copy.EntryOffset, (ulong)(exception is null ? copy.To : copy.From) << geometry.ClusterBits));
                }
            }
        }

        _l2.Sort((a, b) => a.Offset.CompareTo(b.Offset));
    }

    /// <summary>Writes entries, those that stand side by side at once.</summary>
    private async ValueTask WriteAsync<TIo>(List<(long Offset, ulong Value)> entries, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        for (int start = 0; start < entries.Count;)
        {
            int count = 0;
            while (start + count < entries.Count && count < MostEntriesAtOnce && entries[start + count].Offset - entries[start].Offset == count * QedGeometry.EntryBytes)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(_run.AsSpan(count * QedGeometry.EntryBytes), entries[start + count].Value);
                count++;
            }

            await TIo.WriteAsync(storage, entries[start].Offset, new IoBuffer(_run.AsMemory(0, count * QedGeometry.EntryBytes)), cancellationToken).ConfigureAwait(false);
            start += count;
        }
    }

    private readonly record struct Copy(long From, long To, long EntryOffset, bool IsSetAlready);
}
