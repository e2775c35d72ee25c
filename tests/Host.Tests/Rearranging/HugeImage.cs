using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>An image that is all of one kind, as large as it says; only its map is asked.</summary>
internal sealed class HugeImage(string name, long sizeBytes, ExtentKind kind, int blockBytes = 4096) : DelegatingImage(new BlockImage(name, 4096, blockBytes))
{
    public override long VirtualSizeBytes => sizeBytes;

    public override bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        extent = new Extent(kind, lengthBytes, kind == ExtentKind.Data ? offset : Extent.NoOffset, kind == ExtentKind.Data);
        return true;
    }

    public override ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default) =>
        throw new ImageException(ImageErrorKind.Io, "opened for writing");

    protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        TryMap(offset, lengthBytes, out Extent extent);
        return new ValueTask<Extent>(extent);
    }
}
