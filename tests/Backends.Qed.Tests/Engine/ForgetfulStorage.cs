using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>A storage that has no memory left for one read or write.</summary>
internal sealed class ForgetfulStorage(IImageStorage inner) : ForwardingStorage(inner), IImageStorage
{
    private int _left = int.MaxValue;

    /// <summary>Whether it has happened.</summary>
    public bool HasStruck { get; private set; }

    /// <summary>The n-th read or write from now on has no memory.</summary>
    public void Strike(int nth)
    {
        HasStruck = false;
        Volatile.Write(ref _left, nth);
    }

    /// <summary>There is memory again.</summary>
    public void Calm() => Volatile.Write(ref _left, int.MaxValue);

    public new int Read(long offset, Span<byte> buffer)
    {
        Count();
        return Inner.Read(offset, buffer);
    }

    public new ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Count();
        return Inner.ReadAsync(offset, buffer, cancellationToken);
    }

    public override void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        Count();
        Inner.Write(offset, buffer);
    }

    public override ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Count();
        return Inner.WriteAsync(offset, buffer, cancellationToken);
    }

    private void Count()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            HasStruck = true;
            throw new InsufficientMemoryException("says the test");
        }
    }
}
