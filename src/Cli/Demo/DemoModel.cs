using QedVd.Host;

namespace QedVd.Cli.Demo;

/// <summary>What a disk must read after the demo's writes: the original, with what was written since laid over it in order.</summary>
internal sealed class DemoModel(VirtualDisk original)
{
    private readonly List<(long Offset, byte[] Bytes)> _writes = [];

    public void Write(long offset, byte[] bytes) => _writes.Add((offset, bytes));

    public void Read(long offset, Span<byte> buffer)
    {
        original.Read(offset, buffer);
        foreach ((long start, byte[] bytes) in _writes)
        {
            long from = Math.Max(offset, start);
            long to = Math.Min(offset + buffer.Length, start + bytes.Length);
            if (from < to)
            {
                bytes.AsSpan((int)(from - start), (int)(to - from)).CopyTo(buffer[(int)(from - offset)..]);
            }
        }
    }
}
