using QedVd.TestKit;

namespace QedVd.Host.Tests.Faults;

/// <summary>A storage that can share blocks, as files on xfs and btrfs do; all, some or none of what it is asked for, or with an error.</summary>
internal sealed class SharingStorage(IImageStorage inner, SharingStorage.Way way) : ForwardingStorage(inner), IImageStorage
{
    private int _calls;

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

    public override StorageFacts Facts => base.Facts | StorageFacts.CanCopyRange | StorageFacts.CanShareBlocks;

    public long CopyRange(long sourceOffset, IImageStorage target, long targetOffset, long lengthBytes)
    {
        Interlocked.Increment(ref _calls);
        long count = way switch
        {
            Way.All => lengthBytes,
            Way.Half => lengthBytes / 2,
            Way.Nothing => 0,
            Way.Error => throw new ImageException(ImageErrorKind.Io, $"{Name}: no sharing, says the test.", Name, "copy range"),
            _ => throw new ImageException(ImageErrorKind.OutOfSpace, $"{Name}: no room, says the test.", Name, "copy range"),
        };
        byte[] bytes = new byte[count];
        target.Write(targetOffset, bytes.AsSpan(0, Inner.Read(sourceOffset, bytes)));
        return count;
    }
}
