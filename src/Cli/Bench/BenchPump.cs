using System.Diagnostics;
using System.Runtime.CompilerServices;
using QedVd.Host;

#pragma warning disable CA2012 // awaiters are kept until their completion calls back, and each is consumed once

namespace QedVd.Cli.Bench;

/// <summary>
/// Keeps a number of requests under way, from one issuing loop, without allocating for a request. The loop runs on whichever thread completes a
/// request (one at a time), so that no completion has to wake another thread.
/// </summary>
internal sealed class BenchPump
{
    private readonly VirtualDisk _disk;
    private readonly BenchPlan _plan;
    private readonly CancellationToken _cancellation;
    private readonly long _diskBytes;
    private readonly Slot[] _slots;
    private readonly FlushSlot _flush;
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Slots whose request has completed and whose result was not looked at; under _completedGate.
    private readonly Lock _completedGate = new();
    private readonly int[] _completed;
    private int _completedCount;
    private bool _flushCompleted;

    // How often the loop was asked to look; whoever raises it from 0 runs the loop.
    private int _signals;

    // All below belong to the loop.
    private readonly int[] _free;
    private int _freeCount;
    private int _issued;
    private long _offset;
    private int _underWay;
    private bool _isFlushDue;
    private bool _isFlushing;
    private Exception? _failure;

    public BenchPump(VirtualDisk disk, BenchPlan plan, CancellationToken cancellation)
    {
        _disk = disk;
        _plan = plan;
        _cancellation = cancellation;
        _diskBytes = disk.LengthBytes;
        _offset = plan.StartOffset;
        int depth = Math.Min(plan.Depth, Math.Max(1, plan.Count));
        byte[] memory = GC.AllocateUninitializedArray<byte>(checked(depth * plan.RequestBytes), pinned: true);
        memory.AsSpan().Fill(plan.Pattern);
        _slots = new Slot[depth];
        _free = new int[depth];
        _completed = new int[depth];
        for (int index = 0; index < depth; index++)
        {
            _slots[index] = new Slot(this, index, memory.AsMemory(index * plan.RequestBytes, plan.RequestBytes));
            _free[_freeCount++] = index;
        }

        _flush = new FlushSlot(this);
    }

    /// <summary>Runs the plan. Returns the time that it took, in ticks of <see cref="Stopwatch"/>.</summary>
    public async Task<long> RunAsync()
    {
        long start = Stopwatch.GetTimestamp();
        Signal();
        await _finished.Task;
        return Stopwatch.GetTimestamp() - start;
    }

    private void Signal()
    {
        if (Interlocked.Increment(ref _signals) != 1)
        {
            return;
        }

        int seen;
        do
        {
            seen = Volatile.Read(ref _signals);
            try
            {
                Harvest();
                Issue();
            }
            catch (Exception exception)
            {
                _failure ??= exception;
            }

            if (_underWay == 0 && !_isFlushing && (_failure is not null || (_issued == _plan.Count && !_isFlushDue)))
            {
                Finish();
            }
        }
        while (Interlocked.Add(ref _signals, -seen) != 0);
    }

    private void Finish()
    {
        if (_failure is null)
        {
            _finished.TrySetResult();
        }
        else
        {
            _finished.TrySetException(_failure);
        }
    }

    private void Harvest()
    {
        lock (_completedGate)
        {
            while (_completedCount > 0)
            {
                int index = _completed[--_completedCount];
                _free[_freeCount++] = index;
                _underWay--;
                Observe(_slots[index].Awaiter);
            }

            if (_flushCompleted)
            {
                _flushCompleted = false;
                _isFlushing = false;
                Observe(_flush.Awaiter);
            }
        }
    }

    private void Observe(ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter awaiter)
    {
        try
        {
            awaiter.GetResult();
        }
        catch (Exception exception)
        {
            _failure ??= exception;
        }
    }

    private void Issue()
    {
        while (_failure is null)
        {
            if (_cancellation.IsCancellationRequested)
            {
                _failure = new OperationCanceledException(_cancellation);
                return;
            }

            if (_isFlushDue)
            {
                if (_isFlushing || (_plan.Drains && _underWay > 0))
                {
                    return;
                }

                _isFlushDue = false;
                StartFlush();
            }

            if (_freeCount == 0 || _issued == _plan.Count || (_isFlushing && _plan.Drains))
            {
                return;
            }

            StartRequest();
        }
    }

    private void StartRequest()
    {
        Slot slot = _slots[_free[_freeCount - 1]];
        ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter awaiter = _plan.IsWrite
            ? _disk.WriteAsync(_offset, slot.Buffer).ConfigureAwait(false).GetAwaiter()
            : _disk.ReadAsync(_offset, slot.Buffer).ConfigureAwait(false).GetAwaiter();
        _offset = _plan.Next(_offset, _diskBytes);
        _issued++;
        _isFlushDue = _plan.IsFlushDue(_issued);
        if (awaiter.IsCompleted)
        {
            awaiter.GetResult();
            return;
        }

        _freeCount--;
        _underWay++;
        slot.Awaiter = awaiter;
        awaiter.UnsafeOnCompleted(slot.OnCompleted);
    }

    private void StartFlush()
    {
        ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter awaiter = _disk.FlushAsync().ConfigureAwait(false).GetAwaiter();
        if (awaiter.IsCompleted)
        {
            awaiter.GetResult();
            return;
        }

        _isFlushing = true;
        _flush.Awaiter = awaiter;
        awaiter.UnsafeOnCompleted(_flush.OnCompleted);
    }

    private sealed class Slot
    {
        private readonly BenchPump _pump;
        private readonly int _index;

        public Slot(BenchPump pump, int index, Memory<byte> buffer)
        {
            _pump = pump;
            _index = index;
            Buffer = buffer;
            OnCompleted = Complete;
        }

        public Memory<byte> Buffer { get; }

        public Action OnCompleted { get; }

        public ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter Awaiter { get; set; }

        private void Complete()
        {
            lock (_pump._completedGate)
            {
                _pump._completed[_pump._completedCount++] = _index;
            }

            _pump.Signal();
        }
    }

    private sealed class FlushSlot
    {
        private readonly BenchPump _pump;

        public FlushSlot(BenchPump pump)
        {
            _pump = pump;
            OnCompleted = Complete;
        }

        public Action OnCompleted { get; }

        public ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter Awaiter { get; set; }

        private void Complete()
        {
            lock (_pump._completedGate)
            {
                _pump._flushCompleted = true;
            }

            _pump.Signal();
        }
    }
}
