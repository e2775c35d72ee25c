using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace QedVd;

/// <summary>
/// A page of memory of a <see cref="TablePool"/>: one 4 KiB slice of a table of some image. Readers take no lock: they look at the identity,
/// read entries, and look again, because the pool may have given the page to another slice meanwhile.
/// </summary>
/// <remarks>Entries are 64-bit words in the machine's order; converting from the file's order is the owner's work.</remarks>
public sealed class TablePage
{
    /// <summary>Bytes in a page.</summary>
    public const int SizeBytes = 4096;

    /// <summary>64-bit entries in a page.</summary>
    public const int EntryCount = SizeBytes / sizeof(ulong);

    private const int Detached = -1;

    // Array data is aligned to 8 bytes on 64-bit runtimes, so that entries are read and written whole.
    private readonly byte[] _bytes = new byte[SizeBytes];
    private object? _owner;
    private long _key;

    // Odd while the content belongs to nobody or is being loaded. Never repeats, so that "same value before and after" proves "same content".
    private int _sequence = 1;

    // Low half: number of pins, or Detached while the pool owns the page. High half: changes whenever the pool takes the page back, so that
    // somebody who pinned the wrong slice for a moment does not take a pin from the next one.
    private long _pins = uint.MaxValue;
    private int _recentlyUsed;

    internal TablePage()
    {
    }

    /// <summary>
    /// Starts an optimistic read. True when the page holds the slice <paramref name="key"/> of <paramref name="owner"/>; what is read then counts
    /// only if <see cref="EndRead"/> agrees.
    /// </summary>
    public bool TryBeginRead(object owner, long key, out int sequence)
    {
        sequence = Volatile.Read(ref _sequence);
        if ((sequence & 1) != 0 || !ReferenceEquals(Volatile.Read(ref _owner), owner) || Volatile.Read(ref _key) != key)
        {
            return false;
        }

        if (_recentlyUsed == 0)
        {
            _recentlyUsed = 1;
        }

        return true;
    }

    /// <summary>Reads an entry, atomically. Between <see cref="TryBeginRead"/> and <see cref="EndRead"/>, or while pinned.</summary>
    public ulong Get(int index) => Volatile.Read(ref Entry(index));

    /// <summary>Whether everything read since <see cref="TryBeginRead"/> came from the same slice.</summary>
    public bool EndRead(int sequence) => Volatile.Read(ref _sequence) == sequence;

    /// <summary>Keeps the page with its slice until <see cref="Unpin"/>; false when it holds another slice or is being loaded.</summary>
    public bool TryPin(object owner, long key)
    {
        if (!TryTakePin(out long generation))
        {
            return false;
        }

        if (TryBeginRead(owner, key, out _))
        {
            return true;
        }

        TakeBackPin(generation);
        return false;
    }

    /// <summary>Takes one more pin. The caller holds one already.</summary>
    public void AddPin() => Interlocked.Increment(ref _pins);

    /// <summary>Ends a pin.</summary>
    public void Unpin() => Interlocked.Decrement(ref _pins);

    /// <summary>Changes an entry, atomically for readers. The caller holds a pin and orders its own writers.</summary>
    public void Set(int index, ulong value) => Volatile.Write(ref Entry(index), value);

    /// <summary>The page's memory, for the one who has rented it and not yet published it.</summary>
    public Span<ulong> Entries => MemoryMarshal.Cast<byte, ulong>(_bytes.AsSpan());

    /// <summary>The page's memory as bytes; see <see cref="Entries"/>.</summary>
    public Memory<byte> Memory => _bytes;

    /// <summary>Makes the loaded page visible to readers. The pin of the rent stays.</summary>
    public void Publish() => Volatile.Write(ref _sequence, _sequence + 1);

    /// <summary>Pins whatever slice the page holds now.</summary>
    internal bool TryTakePin(out long generation)
    {
        long pins = Volatile.Read(ref _pins);
        while ((int)pins != Detached)
        {
            long seen = Interlocked.CompareExchange(ref _pins, pins + 1, pins);
            if (seen == pins)
            {
                generation = pins >> 32;
                return true;
            }

            pins = seen;
        }

        generation = 0;
        return false;
    }

    /// <summary>Ends a pin that was taken in vain, unless the pool has ended it already.</summary>
    internal void TakeBackPin(long generation)
    {
        long pins = Volatile.Read(ref _pins);
        while (pins >> 32 == generation)
        {
            long seen = Interlocked.CompareExchange(ref _pins, pins - 1, pins);
            if (seen == pins)
            {
                return;
            }

            pins = seen;
        }
    }

    internal bool TryDetach()
    {
        if (_recentlyUsed != 0)
        {
            _recentlyUsed = 0;
            return false;
        }

        long pins = Volatile.Read(ref _pins);
        if ((int)pins != 0 || Interlocked.CompareExchange(ref _pins, DetachedAfter(pins), pins) != pins)
        {
            return false;
        }

        Invalidate();
        return true;
    }

    internal bool BelongsTo(object owner) => ReferenceEquals(_owner, owner);

    internal void Abandon()
    {
        long pins = Volatile.Read(ref _pins);
        for (long seen; (seen = Interlocked.CompareExchange(ref _pins, DetachedAfter(pins), pins)) != pins;)
        {
            pins = seen;
        }

        Invalidate();
    }

    internal void Attach(object owner, long key)
    {
        _owner = owner;
        _key = key;
        _recentlyUsed = 1;
        Volatile.Write(ref _pins, (Volatile.Read(ref _pins) & ~(long)uint.MaxValue) | 1);
    }

    private static long DetachedAfter(long pins) => (((pins >> 32) + 1) << 32) | uint.MaxValue;

    private ref ulong Entry(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)EntryCount, nameof(index));
        return ref Unsafe.Add(ref Unsafe.As<byte, ulong>(ref MemoryMarshal.GetArrayDataReference(_bytes)), index);
    }

    private void Invalidate()
    {
        if ((_sequence & 1) == 0)
        {
            // The full fence keeps the writes of the next load behind the change of the sequence, for readers that are in the middle.
            Interlocked.Increment(ref _sequence);
        }

        _owner = null;
    }
}
