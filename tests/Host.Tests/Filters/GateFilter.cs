namespace QedVd.Host.Tests.Filters;

/// <summary>Counts requests, and holds writes back until the test lets them go.</summary>
internal sealed class GateFilter : DiskFilter
{
    private int _inside;
    private int _seen;

    public TaskCompletionSource Open { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Inside => Volatile.Read(ref _inside);

    public int Seen => Volatile.Read(ref _seen);

    public override void Read(DiskRequests beneath, long offset, Span<byte> buffer)
    {
        Interlocked.Increment(ref _seen);
        Interlocked.Increment(ref _inside);
        beneath.Read(offset, buffer);
        Interlocked.Decrement(ref _inside);
    }

    public override async ValueTask WriteAsync(DiskRequests beneath, long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _seen);
        Interlocked.Increment(ref _inside);
        await Open.Task.WaitAsync(cancellationToken);
        await beneath.WriteAsync(offset, buffer, flags, cancellationToken);
        Interlocked.Decrement(ref _inside);
    }
}
