namespace QedVd.Host.Tests.Operations;

/// <summary>Counts the operations of storages, and fails one of them.</summary>
internal sealed class FaultCounter
{
    private int _count;
    private int _at;

    /// <summary>Whether the fault has struck.</summary>
    public bool HasStruck => Volatile.Read(ref _count) >= _at;

    /// <summary>From now on the n-th operation fails, once.</summary>
    public void Arm(int nth)
    {
        _at = nth;
        Volatile.Write(ref _count, 0);
    }

    /// <summary>Nothing fails any more.</summary>
    public void Disarm() => Volatile.Write(ref _at, int.MaxValue);

    public void Strike(string name, bool isRead)
    {
        if (Interlocked.Increment(ref _count) == Volatile.Read(ref _at))
        {
            throw isRead
                ? new ImageException(ImageErrorKind.Io, $"{name}: a fault made by the test.", name, "read")
                : new ImageException(ImageErrorKind.OutOfSpace, $"{name}: no room, says the test.", name, "write");
        }
    }
}
