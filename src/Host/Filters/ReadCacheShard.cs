namespace QedVd.Host;

/// <summary>A part of a read cache with a lock of its own. Which block goes first when there is no room: one that was not used since the hand last came by.</summary>
internal sealed class ReadCacheShard(int capacityBlocks, int blockBytes)
{
    private const long NoBlock = -1;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, Slot> _slotOf = [];
    private readonly List<Slot> _slots = [];
    private readonly Stack<Slot> _empty = [];
    private long _hitBytes;
    private int _hand;

    public long HitBytes
    {
        get
        {
            lock (_lock)
            {
                return _hitBytes;
            }
        }
    }

    /// <summary>How many blocks there is memory for by now.</summary>
    public int BufferCount
    {
        get
        {
            lock (_lock)
            {
                return _slots.Count;
            }
        }
    }

    public bool Contains(long block)
    {
        lock (_lock)
        {
            return _slotOf.ContainsKey(block);
        }
    }

    /// <summary>Copies a part of a block; false when it is not here.</summary>
    public bool TryCopy(long block, int from, Span<byte> target)
    {
        lock (_lock)
        {
            if (!_slotOf.TryGetValue(block, out Slot? slot) || from + target.Length > slot.Length)
            {
                return false;
            }

            slot.Bytes.AsSpan(from, target.Length).CopyTo(target);
            slot.IsUsed = true;
            _hitBytes += target.Length;
            return true;
        }
    }

    /// <summary>Keeps a block; the last one of a disk may be short.</summary>
    public void Put(long block, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            if (!_slotOf.TryGetValue(block, out Slot? slot))
            {
                slot = TakeSlot();
                slot.Block = block;
                _slotOf.Add(block, slot);
            }

            bytes.CopyTo(slot.Bytes);
            slot.Length = bytes.Length;
        }
    }

    /// <summary>Forgets the blocks from <paramref name="first"/> to <paramref name="last"/>.</summary>
    public void Drop(long first, long last)
    {
        lock (_lock)
        {
            if (last - first < _slotOf.Count)
            {
                for (long block = first; block <= last; block++)
                {
                    if (_slotOf.Remove(block, out Slot? slot))
                    {
                        Empty(slot);
                    }
                }

                return;
            }

            foreach (Slot slot in _slots)
            {
                if (slot.Block >= first && slot.Block <= last && _slotOf.Remove(slot.Block))
                {
                    Empty(slot);
                }
            }
        }
    }

    private void Empty(Slot slot)
    {
        (slot.Block, slot.IsUsed) = (NoBlock, false);
        _empty.Push(slot);
    }

    private Slot TakeSlot()
    {
        if (_empty.TryPop(out Slot? empty))
        {
            return empty;
        }

        if (_slots.Count < capacityBlocks)
        {
            var slot = new Slot(new byte[blockBytes]);
            _slots.Add(slot);
            return slot;
        }

        // All of them are in use here, else there would be an empty one; the second time round none is marked any more.
        while (true)
        {
            Slot slot = _slots[_hand];
            _hand = (_hand + 1) % _slots.Count;
            if (!slot.IsUsed)
            {
                _slotOf.Remove(slot.Block);
                return slot;
            }

            slot.IsUsed = false;
        }
    }

    private sealed class Slot(byte[] bytes)
    {
        public byte[] Bytes => bytes;

        public long Block { get; set; } = NoBlock;

        public int Length { get; set; }

        public bool IsUsed { get; set; }
    }
}
