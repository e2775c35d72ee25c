namespace QedVd.Host.Tests.Filters;

/// <summary>Lets a test step in between a cache and the disk.</summary>
internal sealed class HookFilter : DiskFilter
{
    public Func<Task>? AfterRead { get; set; }

    public Func<Task>? BeforeWrite { get; set; }

    /// <summary>Reads that touch this byte fail.</summary>
    public long BadByte { get; set; } = -1;

    public int Reads { get; private set; }

    public override void Read(DiskRequests beneath, long offset, Span<byte> buffer)
    {
        Count(offset, buffer.Length);
        beneath.Read(offset, buffer);
    }

    public override async ValueTask ReadAsync(DiskRequests beneath, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        Count(offset, buffer.Length);
        await beneath.ReadAsync(offset, buffer, cancellationToken);
        await (AfterRead?.Invoke() ?? Task.CompletedTask);
    }

    public override async ValueTask WriteAsync(DiskRequests beneath, long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        await (BeforeWrite?.Invoke() ?? Task.CompletedTask);
        await beneath.WriteAsync(offset, buffer, flags, cancellationToken);
    }

    private void Count(long offset, int lengthBytes)
    {
        Reads++;
        if (offset <= BadByte && BadByte < offset + lengthBytes)
        {
            throw new ImageException(ImageErrorKind.Corrupt, "a bad place");
        }
    }
}
