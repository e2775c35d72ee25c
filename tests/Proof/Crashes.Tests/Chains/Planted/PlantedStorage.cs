using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains.Planted;

/// <summary>A storage that gives a write to somebody else, or shows one byte otherwise than it is.</summary>
/// <param name="inner">The real one.</param>
/// <param name="writes">Called in the place of a write, with one that does it; null: as it is.</param>
/// <param name="flipped">Which byte is shown so; -1: none.</param>
internal sealed class PlantedStorage(IImageStorage inner, Action<int, Action>? writes, long flipped = -1) : ForwardingStorage(inner)
{
    public override int Read(long offset, Span<byte> buffer)
    {
        int count = Inner.Read(offset, buffer);
        Show(offset, buffer[..count]);
        return count;
    }

    public override async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await Inner.ReadAsync(offset, buffer, cancellationToken);
        Show(offset, buffer.Span[..count]);
        return count;
    }

    public override void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        byte[] data = [.. buffer];
        Do(data.Length, () => Inner.Write(offset, data));
    }

    public override ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(offset, buffer.Span);
        return ValueTask.CompletedTask;
    }

    private void Do(int lengthBytes, Action write)
    {
        if (writes is null)
        {
            write();
        }
        else
        {
            writes(lengthBytes, write);
        }
    }

    private void Show(long offset, Span<byte> bytes)
    {
        if (flipped >= offset && flipped < offset + bytes.Length)
        {
            bytes[(int)(flipped - offset)] ^= 0xFF;
        }
    }
}
