using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>A run of a disk as it is printed.</summary>
internal struct MapRun
{
    public long OffsetBytes;
    public long LengthBytes;
    public ExtentKind Kind;
    public int Depth;
    public long StorageOffset;
    public string? Path;

    public static MapRun Of(in DiskExtent extent) => new()
    {
        OffsetBytes = extent.OffsetBytes,
        LengthBytes = extent.LengthBytes,
        Kind = extent.Kind,
        Depth = extent.Depth,
        StorageOffset = extent.Kind == ExtentKind.Free ? Extent.NoOffset : extent.StorageOffset,
        Path = extent.Path,
    };

    public bool TryAppend(in MapRun next)
    {
        if (LengthBytes == 0 || next.Kind != Kind || next.Depth != Depth || next.OffsetBytes != OffsetBytes + LengthBytes)
        {
            return false;
        }

        bool follows = StorageOffset == Extent.NoOffset
            ? next.StorageOffset == Extent.NoOffset
            : next.StorageOffset == StorageOffset + LengthBytes;
        if (follows)
        {
            LengthBytes += next.LengthBytes;
        }

        return follows;
    }
}
