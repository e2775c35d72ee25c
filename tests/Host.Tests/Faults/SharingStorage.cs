using QedVd.TestKit;

namespace QedVd.Host.Tests.Faults;

/// <summary>
/// A storage that can share blocks, as files on xfs and btrfs do; all, some or none of what it is asked for, or with an error, from one call on. Between two
/// files the kernel copies, which it also does where it cannot share; else it is done by hand.
/// </summary>
internal sealed class SharingStorage(IImageStorage inner, SharingStorage.Way way, int nth = 1, bool isSticky = true) : ForwardingStorage(inner), IImageStorage
{
    private int _calls;
    private long _bytesInKernel;

    internal enum Way
    {
        All,
        Half,
        Nothing,
        Error,
        NoRoom,
    }

    /// <summary>How often it was asked.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>How much the kernel has copied.</summary>
    public long BytesInKernel => Volatile.Read(ref _bytesInKernel);

    public override StorageFacts Facts => base.Facts | StorageFacts.CanCopyRange | StorageFacts.CanShareBlocks;

    public long CopyRange(long sourceOffset, IImageStorage target, long targetOffset, long lengthBytes)
    {
        int call = Interlocked.Increment(ref _calls);
        long count = !(isSticky ? call >= nth : call == nth) ? lengthBytes : way switch
        {
            Way.All => lengthBytes,
            Way.Half => lengthBytes / 2,
            Way.Nothing => 0,
            Way.Error => throw new ImageException(ImageErrorKind.Io, $"{Name}: no sharing, says the test.", Name, "copy range"),
            _ => throw new ImageException(ImageErrorKind.OutOfSpace, $"{Name}: no room, says the test.", Name, "copy range"),
        };
        if (count > 0 && target is SharingStorage sharing && Inner.CopyRange(sourceOffset, sharing.Inner, targetOffset, count) is > 0 and long done)
        {
            Interlocked.Add(ref _bytesInKernel, done);
            return done;
        }

        byte[] bytes = new byte[count];
        target.Write(targetOffset, bytes.AsSpan(0, Inner.Read(sourceOffset, bytes)));
        return count;
    }
}
