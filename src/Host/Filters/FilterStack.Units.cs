using System.Buffers;

namespace QedVd.Host;

/// <content>
/// Filters that take whole units only. Every request holds its units while it is in the filter, so that nobody sees a unit that is being rewritten for the
/// sake of a part of it. The last unit of a disk may be short.
/// </content>
internal sealed partial class FilterStack
{
    private async ValueTask ReadUnitsAsync<TIo>(int index, long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        UnitWalk walk = Walk(index, offset, buffer.Length);
        RangeLock.Entry entry = await HoldAsync<TIo>(index, walk, cancellationToken).ConfigureAwait(false);
        byte[]? unit = null;
        try
        {
            while (walk.Next())
            {
                IoBuffer part = buffer.Slice((int)(walk.PartBytes.Start - offset), (int)walk.PartBytes.Length);
                if (walk.IsWhole)
                {
                    await CallReadAsync<TIo>(index, walk.PartBytes.Start, part, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                unit ??= ArrayPool<byte>.Shared.Rent(_alignments[index]);
                Memory<byte> whole = unit.AsMemory(0, walk.UnitBytes.Length);
                await CallReadAsync<TIo>(index, walk.UnitBytes.Start, new IoBuffer(whole), cancellationToken).ConfigureAwait(false);
                whole.Span.Slice(walk.PartInUnit, part.Length).CopyTo(part.Span);
            }
        }
        finally
        {
            End(index, entry, unit);
        }
    }

    private async ValueTask WriteUnitsAsync<TIo>(int index, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        UnitWalk walk = Walk(index, offset, buffer.Length);
        RangeLock.Entry entry = await HoldAsync<TIo>(index, walk, cancellationToken).ConfigureAwait(false);
        byte[]? unit = null;
        try
        {
            while (walk.Next())
            {
                IoBuffer part = buffer.Slice((int)(walk.PartBytes.Start - offset), (int)walk.PartBytes.Length);
                if (walk.IsWhole)
                {
                    await CallWriteAsync<TIo>(index, walk.PartBytes.Start, part, flags, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                unit ??= ArrayPool<byte>.Shared.Rent(_alignments[index]);
                Memory<byte> whole = unit.AsMemory(0, walk.UnitBytes.Length);
                await CallReadAsync<TIo>(index, walk.UnitBytes.Start, new IoBuffer(whole), cancellationToken).ConfigureAwait(false);
                part.Span.CopyTo(whole.Span[walk.PartInUnit..]);
                await CallWriteAsync<TIo>(index, walk.UnitBytes.Start, new IoBuffer(whole), flags, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            End(index, entry, unit);
        }
    }

    private async ValueTask WriteZeroUnitsAsync<TIo>(int index, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        UnitWalk walk = Walk(index, offset, lengthBytes);
        if ((flags & WriteFlags.FastOnly) != 0 && !walk.IsAligned)
        {
            throw ImageException.NotSupported("zeroing a part of a filter's unit without writing data", _disk.Path);
        }

        RangeLock.Entry entry = await HoldAsync<TIo>(index, walk, cancellationToken).ConfigureAwait(false);
        byte[]? unit = null;
        try
        {
            while (walk.Next())
            {
                if (walk.IsWhole)
                {
                    await CallWriteZeroesAsync<TIo>(index, walk.PartBytes.Start, walk.PartBytes.Length, flags, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                unit ??= ArrayPool<byte>.Shared.Rent(_alignments[index]);
                Memory<byte> whole = unit.AsMemory(0, walk.UnitBytes.Length);
                await CallReadAsync<TIo>(index, walk.UnitBytes.Start, new IoBuffer(whole), cancellationToken).ConfigureAwait(false);
                whole.Span.Slice(walk.PartInUnit, (int)walk.PartBytes.Length).Clear();
                await CallWriteAsync<TIo>(index, walk.UnitBytes.Start, new IoBuffer(whole), flags & WriteFlags.ForceUnitAccess, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            End(index, entry, unit);
        }
    }

    // A part of a unit keeps what it reads: that is allowed.
    private async ValueTask DiscardUnitsAsync<TIo>(int index, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        UnitWalk walk = Walk(index, offset, lengthBytes);
        RangeLock.Entry entry = await HoldAsync<TIo>(index, walk, cancellationToken).ConfigureAwait(false);
        try
        {
            while (walk.Next())
            {
                if (walk.IsWhole)
                {
                    await CallDiscardAsync<TIo>(index, walk.PartBytes.Start, walk.PartBytes.Length, flags, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            End(index, entry, unit: null);
        }
    }

    private UnitWalk Walk(int index, long offset, long lengthBytes) => new(_alignments[index], offset, offset + lengthBytes, LengthBytes);

    private ValueTask<RangeLock.Entry> HoldAsync<TIo>(int index, UnitWalk walk, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => _filters[index].Units.EnterAsync<TIo>(walk.StartBytes, walk.EndBytes, cancellationToken);

    private void End(int index, RangeLock.Entry entry, byte[]? unit)
    {
        _filters[index].Units.Exit(entry);
        if (unit is not null)
        {
            // A part of somebody's disk does not go to the next one who rents.
            ArrayPool<byte>.Shared.Return(unit, clearArray: true);
        }
    }

    /// <summary>Goes through a range: runs of whole units, and parts of single ones at its ends.</summary>
    private struct UnitWalk(int unitBytes, long start, long end, long diskBytes)
    {
        private readonly long _end = end;
        private long _at = start;

        /// <summary>Where the first unit starts that the range touches.</summary>
        public long StartBytes { get; } = start - (start % unitBytes);

        /// <summary>Where the last one ends.</summary>
        public long EndBytes { get; } = EndOf(unitBytes, end, diskBytes);

        public readonly bool IsAligned => _at == StartBytes && _end == EndBytes;

        /// <summary>Whether the part is a run of whole units.</summary>
        public bool IsWhole { get; private set; }

        public (long Start, long Length) PartBytes { get; private set; }

        /// <summary>The unit that holds the part, when that is not whole.</summary>
        public (long Start, int Length) UnitBytes { get; private set; }

        public readonly int PartInUnit => (int)(PartBytes.Start - UnitBytes.Start);

        public bool Next()
        {
            if (_at >= _end)
            {
                return false;
            }

            long unitStart = _at - (_at % unitBytes);
            long lastWhole = _end == EndBytes ? _end : _end - (_end % unitBytes);
            IsWhole = _at == unitStart && lastWhole > _at;
            long unitEnd = EndOf(unitBytes, unitStart + 1, diskBytes);
            long partEnd = IsWhole ? lastWhole : Math.Min(_end, unitEnd);
            UnitBytes = (unitStart, (int)(unitEnd - unitStart));
            PartBytes = (_at, partEnd - _at);
            _at = partEnd;
            return true;
        }

        private static long EndOf(int unitBytes, long end, long diskBytes)
        {
            long over = end % unitBytes;
            return over == 0 ? end : Math.Max(end, Math.Min(end - over + unitBytes, diskBytes));
        }
    }
}
