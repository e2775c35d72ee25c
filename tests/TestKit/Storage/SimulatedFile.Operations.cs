namespace QedVd.TestKit;

/// <content>What its storages call: begin, wait at the gates, take effect.</content>
public sealed partial class SimulatedFile
{
    /// <summary>An operation that has begun.</summary>
    internal readonly record struct Ticket(StorageOperationKind Kind, long Offset, long LengthBytes, StorageFault? Fault, StorageGate? Before, StorageGate? After, int CoveredCount, int FenceCount);

    /// <summary>A handle is opened; returns the number of fences that do not concern it.</summary>
    internal int OpenHandle()
    {
        Interlocked.Increment(ref _openHandles);
        lock (_lock)
        {
            return _fenceCount;
        }
    }

    internal void CloseHandle() => Interlocked.Decrement(ref _openHandles);

    internal long AllocatedBytes()
    {
        lock (_lock)
        {
            return _content.AllocatedBytes;
        }
    }

    internal StorageExtent GetExtent(long offset)
    {
        lock (_lock)
        {
            return (Facts & StorageFacts.CanMapHoles) != 0
                ? _content.GetExtent(offset)
                : new StorageExtent(Math.Max(0, _content.LengthBytes - offset), IsHole: false);
        }
    }

    internal Ticket Begin(StorageOperationKind kind, long offset, long lengthBytes, int fenceCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        lock (_lock)
        {
            _counts[(int)kind]++;
            StorageFault? fault = null;
            foreach (StorageFault candidate in _faults)
            {
                if (candidate.Strikes(kind, offset, lengthBytes))
                {
                    fault ??= candidate;
                }
            }

            StorageGate? before = null;
            StorageGate? after = null;
            foreach (StorageGate gate in _gates)
            {
                if (gate.Stops(kind, offset, lengthBytes))
                {
                    (before, after) = gate.IsAfterEffect ? (before, gate) : (gate, after);
                }
            }

            if (kind == StorageOperationKind.Barrier)
            {
                _epoch++;
            }

            return new Ticket(kind, offset, lengthBytes, fault, before, after, _trace.Count, fenceCount);
        }
    }

    internal int ApplyRead(in Ticket ticket, Span<byte> buffer)
    {
        if (ticket.Fault is { PartialBytes: < 0 })
        {
            throw Failure(ticket, "read");
        }

        int length = ticket.Fault is null ? buffer.Length : Math.Min(buffer.Length, ticket.Fault.PartialBytes);
        lock (_lock)
        {
            return _content.Read(ticket.Offset, buffer[..length]);
        }
    }

    internal void ApplyWrite(in Ticket ticket, ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            ThrowIfFenced(ticket, "write");
            int length = ticket.Fault is null ? data.Length : Math.Clamp(ticket.Fault.PartialBytes, 0, data.Length);
            if (length > 0)
            {
                _content.Write(ticket.Offset, data[..length]);
                Record(ticket, length, KeepsTrace ? data[..length].ToArray() : null);
            }
        }

        ThrowIfFailed(ticket, "write");
    }

    internal void ApplySetLength(in Ticket ticket)
    {
        lock (_lock)
        {
            ThrowIfFenced(ticket, "set length");
            if (ticket.Fault is null)
            {
                _content.SetLength(ticket.Offset);
                Record(ticket, 0);
            }
        }

        ThrowIfFailed(ticket, "set length");
    }

    internal void ApplyPunchHole(in Ticket ticket)
    {
        lock (_lock)
        {
            ThrowIfFenced(ticket, "punch hole");
            if (ticket.Fault is null)
            {
                _content.PunchHole(ticket.Offset, ticket.LengthBytes);
                Record(ticket, ticket.LengthBytes);
            }
        }

        ThrowIfFailed(ticket, "punch hole");
    }

    internal void ApplyAllocate(in Ticket ticket)
    {
        lock (_lock)
        {
            ThrowIfFenced(ticket, "allocate");
            if (ticket.Fault is null)
            {
                _content.Allocate(ticket.Offset, ticket.LengthBytes);
                Record(ticket, ticket.LengthBytes);
            }
        }

        ThrowIfFailed(ticket, "allocate");
    }

    internal void ApplyBarrier(in Ticket ticket)
    {
        lock (_lock)
        {
            ThrowIfFenced(ticket, "barrier");
            bool hasFailed = ticket.Fault is not null;
            if (hasFailed)
            {
                _fence = Failure(ticket, "barrier");
                _fenceCount++;
                Fence = new StorageFence(_fence.Message, DateTimeOffset.UnixEpoch);
            }
            else
            {
                _durableCount = Math.Max(_durableCount, ticket.CoveredCount);
            }

            Record(new StorageOperation
            {
                Index = _trace.Count,
                Epoch = _epoch,
                Kind = StorageOperationKind.Barrier,
                CoveredCount = hasFailed ? -1 : ticket.CoveredCount,
                HasFailed = hasFailed,
            });
        }

        ThrowIfFailed(ticket, "barrier");
    }

    private void Record(in Ticket ticket, long lengthBytes, byte[]? data = null)
    {
        if (KeepsTrace)
        {
            _trace.Add(new StorageOperation
            {
                Index = _trace.Count,
                Epoch = _epoch,
                Kind = ticket.Kind,
                Offset = ticket.Offset,
                LengthBytes = lengthBytes,
                Data = data,
                HasFailed = ticket.Fault is not null,
            });
        }
    }

    private void ThrowIfFailed(in Ticket ticket, string operation)
    {
        if (ticket.Fault is not null)
        {
            throw Failure(ticket, operation);
        }
    }

    private ImageException Failure(in Ticket ticket, string operation) =>
        new(ticket.Fault!.Error, $"{Name}: {operation} at {ticket.Offset}: a fault that the test asked for ({ticket.Fault.Error}).", Name, operation, ticket.Offset);

    private void ThrowIfFenced(in Ticket ticket, string operation)
    {
        if (_fenceCount > ticket.FenceCount)
        {
            throw new ImageException(ImageErrorKind.Fenced, $"{Name}: {operation}: a barrier failed earlier.", Name, operation, ticket.Offset, _fence);
        }
    }
}
