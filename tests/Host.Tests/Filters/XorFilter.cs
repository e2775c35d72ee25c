using System.Buffers;

namespace QedVd.Host.Tests.Filters;

/// <summary>A filter that really changes what is stored: each byte with a key of its place. Only takes whole units; checks that it is given nothing else.</summary>
internal sealed class XorFilter(byte seed, int unitBytes, bool keepsZeroes = false) : DiskFilter
{
    private int _inside;

    public override FilterTraits Traits => FilterTraits.ChangesContent | (keepsZeroes ? FilterTraits.KeepsZeroes : 0);

    public override int AlignmentBytes => unitBytes;

    /// <summary>Requests inside at this moment.</summary>
    public int Inside => Volatile.Read(ref _inside);

    public override void Read(DiskRequests beneath, long offset, Span<byte> buffer)
    {
        Enter(beneath, offset, buffer.Length);
        beneath.Read(offset, buffer);
        Change(offset, buffer);
        Exit();
    }

    public override async ValueTask ReadAsync(DiskRequests beneath, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        Enter(beneath, offset, buffer.Length);
        await beneath.ReadAsync(offset, buffer, cancellationToken);
        Change(offset, buffer.Span);
        Exit();
    }

    public override void Write(DiskRequests beneath, long offset, ReadOnlySpan<byte> buffer, WriteFlags flags)
    {
        Enter(beneath, offset, buffer.Length);
        byte[] changed = ArrayPool<byte>.Shared.Rent(buffer.Length);
        buffer.CopyTo(changed);
        Change(offset, changed.AsSpan(0, buffer.Length));
        beneath.Write(offset, changed.AsSpan(0, buffer.Length), flags);
        ArrayPool<byte>.Shared.Return(changed);
        Exit();
    }

    public override async ValueTask WriteAsync(DiskRequests beneath, long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        Enter(beneath, offset, buffer.Length);
        byte[] changed = ArrayPool<byte>.Shared.Rent(buffer.Length);
        buffer.CopyTo(changed);
        Change(offset, changed.AsSpan(0, buffer.Length));
        await beneath.WriteAsync(offset, changed.AsMemory(0, buffer.Length), flags, cancellationToken);
        ArrayPool<byte>.Shared.Return(changed);
        Exit();
    }

    public override void Discard(DiskRequests beneath, long offset, long lengthBytes, WriteFlags flags)
    {
        Check(beneath, offset, lengthBytes);
        base.Discard(beneath, offset, lengthBytes, flags);
    }

    /// <summary>What is stored for a byte, and the other way round.</summary>
    public byte Change(long offset, byte value)
    {
        byte key = (byte)(seed + (offset * 7) + (offset / unitBytes));
        return keepsZeroes && (value == 0 || value == key) ? value : (byte)(value ^ key);
    }

    private void Change(long offset, Span<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = Change(offset + i, bytes[i]);
        }
    }

    private void Enter(DiskRequests beneath, long offset, int lengthBytes)
    {
        Interlocked.Increment(ref _inside);
        Check(beneath, offset, lengthBytes);
    }

    private void Exit() => Interlocked.Decrement(ref _inside);

    private void Check(DiskRequests beneath, long offset, long lengthBytes)
    {
        Assert.Equal(0, offset % unitBytes);
        Assert.True((offset + lengthBytes) % unitBytes == 0 || offset + lengthBytes == beneath.LengthBytes);
    }
}
