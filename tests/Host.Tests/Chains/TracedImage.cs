namespace QedVd.Host.Tests.Chains;

/// <summary>
/// Blocks that are free, zero or data, without their bytes: data reads as one value. Notes each request that it gets. What it says of its blocks, and what
/// it answers to changes, may be told apart, for a host that has to find out.
/// </summary>
internal sealed class TracedImage(string name, long virtualSizeBytes, int blockBytes, ExtentKind kind, byte value = 0) : DiskImageBase
{
    private static readonly BackendInfo s_info = new() { Id = "traced", DisplayName = "traced blocks", Capabilities = ImageCapabilities.Write | ImageCapabilities.Discard };

    private readonly ExtentKind[] _blocks = [.. Enumerable.Repeat(kind, (int)((virtualSizeBytes + blockBytes - 1) / blockBytes))];
    private Beneath _beneath;

    /// <summary>"write 0+512 NoAllocate".</summary>
    public List<string> Asked { get; } = [];

    /// <summary>Thrown by everything that is asked of it.</summary>
    public Exception? Thrown { get; set; }

    /// <summary>Changes are answered as if all were free.</summary>
    public bool IsAlwaysFree { get; init; }

    public FastZeroKinds Fast { get; init; }

    public override BackendInfo Backend => s_info;

    public override string Name => name;

    public override ImageCapabilities Capabilities => s_info.Capabilities;

    public override ImageFlags Flags => ImageFlags.None;

    public override ImageOpenFlags OpenFlags => ImageOpenFlags.None;

    public override FastZeroKinds FastZeroes => Fast;

    public override long VirtualSizeBytes => virtualSizeBytes;

    public override ImageLimits Limits => new(1, blockBytes, 4096);

    public override ImageFileSize GetFileSize() => new(0, 0);

    public void Set(long offset, long lengthBytes, ExtentKind to) => _blocks.AsSpan((int)(offset / blockBytes), (int)((lengthBytes + blockBytes - 1) / blockBytes)).Fill(to);

    public ExtentKind KindOf(long offset) => _blocks[offset / blockBytes];

    public override bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        ThrowIfTold();
        extent = new Extent(KindAt(offset), RunAt(offset, lengthBytes));
        return true;
    }

    protected override ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
    {
        _beneath = beneath;
        return default;
    }

    protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        _ = TryMap(offset, lengthBytes, out Extent extent);
        return new(extent);
    }

    protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
    {
        ThrowIfTold();
        Asked.Add($"read {offset}+{buffer.Length}");
        int run = (int)RunAt(offset, buffer.Length);
        if (KindAt(offset) == ExtentKind.Data)
        {
            buffer.Slice(0, run).Span.Fill(value);
        }

        return new(new ReadResult(KindAt(offset), run));
    }

    protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        new(Change("write", offset, buffer.Length, flags, ExtentKind.Data));

    protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        new(Change("zero", offset, lengthBytes, flags, ExtentKind.Zero));

    protected override ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        ThrowIfTold();
        Asked.Add($"discard {offset}+{lengthBytes}{Shown(flags)}");
        return new(WriteResult.Done(lengthBytes));
    }

    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken)
    {
        ThrowIfTold();
        Asked.Add("flush");
        return default;
    }

    protected override ValueTask CloseCore<TIo>() => default;

    private static string Shown(WriteFlags flags) => flags == WriteFlags.None ? "" : $" {flags}";

    private ExtentKind KindAt(long offset) => _blocks[offset / blockBytes];

    private long RunAt(long offset, long lengthBytes)
    {
        long end = offset - (offset % blockBytes) + blockBytes;
        while (end < offset + lengthBytes && KindAt(end) == KindAt(offset))
        {
            end += blockBytes;
        }

        return Math.Min(lengthBytes, end - offset);
    }

    private WriteResult Change(string what, long offset, long lengthBytes, WriteFlags flags, ExtentKind to)
    {
        ThrowIfTold();
        Asked.Add($"{what} {offset}+{lengthBytes}{Shown(flags)}");
        long run = RunAt(offset, lengthBytes);
        bool isWhole = offset % blockBytes == 0 && ((offset + run) % blockBytes == 0 || offset + run >= virtualSizeBytes);
        bool mayAllocate = (flags & WriteFlags.NoAllocate) == 0 && (isWhole || !_beneath.MayHoldDataAt(offset - (offset % blockBytes)));
        if (IsAlwaysFree || (KindAt(offset) == ExtentKind.Free && !mayAllocate))
        {
            return WriteResult.Free(run, offset % blockBytes, (blockBytes - ((offset + run) % blockBytes)) % blockBytes);
        }

        if (to == ExtentKind.Data || isWhole)
        {
            Set(offset - (offset % blockBytes), run + (offset % blockBytes), to);
        }

        return WriteResult.Done(run);
    }

    private void ThrowIfTold()
    {
        if (Thrown is not null)
        {
            throw Thrown;
        }
    }
}
