using System.Numerics;

namespace QedVd.Host;

/// <summary>
/// Remembers where the guest has changed something, or may have, since it was made: marked before the change begins, and never taken back but by
/// <see cref="TakeOut"/>. Thread safe.
/// </summary>
internal sealed class ChangeTracker
{
    private const int MinUnitShift = 16;
    private const int BitsPerWord = 64;
    private const long MaxUnits = 1L << 25;

    private readonly long _lengthBytes;
    private readonly int _unitShift;
    private readonly ulong[] _words;

    public ChangeTracker(long lengthBytes)
    {
        _lengthBytes = lengthBytes;
        long most = Math.Max(1, lengthBytes / MaxUnits);
        _unitShift = Math.Max(MinUnitShift, BitOperations.Log2((ulong)most) + (BitOperations.IsPow2(most) ? 0 : 1));
        _words = new ulong[(Units(lengthBytes) / BitsPerWord) + 1];
    }

    /// <summary>A change of this range is about to begin.</summary>
    public void Mark(long offset, long lengthBytes)
    {
        if (lengthBytes <= 0)
        {
            return;
        }

        long last = (offset + lengthBytes - 1) >> _unitShift;
        for (long unit = offset >> _unitShift; unit <= last;)
        {
            // All bits of this word that the range covers.
            int bit = (int)(unit % BitsPerWord);
            int count = (int)Math.Min(BitsPerWord - bit, last - unit + 1);
            ulong bits = (count == BitsPerWord ? ulong.MaxValue : (1UL << count) - 1) << bit;
            ref ulong word = ref _words[unit / BitsPerWord];
            if ((Volatile.Read(ref word) & bits) != bits)
            {
                Interlocked.Or(ref word, bits);
            }

            unit += count;
        }
    }

    /// <summary>Whether something in the range may have been changed.</summary>
    public bool IsChanged(long offset, long lengthBytes) =>
        lengthBytes > 0 && FindUnit(offset >> _unitShift, ((offset + lengthBytes - 1) >> _unitShift) + 1, isChanged: true) <= (offset + lengthBytes - 1) >> _unitShift;

    /// <summary>The next run of changes at or after an offset; null when there is none.</summary>
    public (long OffsetBytes, long LengthBytes)? FindNext(long offset)
    {
        long end = Units(_lengthBytes);
        long first = offset >= _lengthBytes ? end : FindUnit(offset >> _unitShift, end, isChanged: true);
        if (first >= end)
        {
            return null;
        }

        long after = FindUnit(first, end, isChanged: false);
        long start = Math.Max(offset, first << _unitShift);

        // The last unit may end where no number reaches.
        return (start, (after == end ? _lengthBytes : after << _unitShift) - start);
    }

    /// <summary>All runs of changes, in order.</summary>
    public IEnumerable<(long OffsetBytes, long LengthBytes)> Runs()
    {
        for (long at = 0; FindNext(at) is { } run; at = run.OffsetBytes + run.LengthBytes)
        {
            yield return run;
        }
    }

    /// <summary>How many bytes may have been changed, in whole units.</summary>
    public long CountBytes()
    {
        long units = 0;
        foreach (ref ulong word in _words.AsSpan())
        {
            units += BitOperations.PopCount(Volatile.Read(ref word));
        }

        return units > _lengthBytes >> _unitShift ? _lengthBytes : units << _unitShift;
    }

    /// <summary>Moves the first changes to a tracker of their own, while nobody marks any.</summary>
    /// <param name="bytes">About how much, in whole units and at least one.</param>
    public ChangeTracker TakeOut(long bytes)
    {
        var taken = new ChangeTracker(_lengthBytes);
        long left = Math.Max(1, bytes >> _unitShift);
        for (int i = 0; i < _words.Length && left > 0; i++)
        {
            ulong bits = _words[i];
            while (BitOperations.PopCount(bits) > left)
            {
                bits &= ~(1UL << BitOperations.Log2(bits));
            }

            left -= BitOperations.PopCount(bits);
            _words[i] &= ~bits;
            taken._words[i] = bits;
        }

        return taken;
    }

    private long FindUnit(long unit, long end, bool isChanged)
    {
        while (unit < end)
        {
            ulong word = Volatile.Read(ref _words[unit / BitsPerWord]);
            ulong left = (isChanged ? word : ~word) >> (int)(unit % BitsPerWord);
            if (left != 0)
            {
                return Math.Min(end, unit + BitOperations.TrailingZeroCount(left));
            }

            unit += BitsPerWord - (unit % BitsPerWord);
        }

        return end;
    }

    // Shifted down first: a length near the largest number cannot be rounded up.
    private long Units(long lengthBytes) => lengthBytes == 0 ? 0 : ((lengthBytes - 1) >> _unitShift) + 1;
}
