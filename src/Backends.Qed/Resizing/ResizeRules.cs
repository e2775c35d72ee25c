namespace QedVd.Backends.Qed;

/// <summary>Which sizes a disk may be given, and with which tables.</summary>
internal static class ResizeRules
{
    /// <summary>The geometry that reaches a size: the present one if it does, else the smallest larger tables; of those, one that QEMU opens if there is one.</summary>
    /// <exception cref="ImageException">The disk cannot have that size.</exception>
    public static QedGeometry GeometryFor(QedHeader header, long sizeBytes, bool mayShrink, string name)
    {
        if (sizeBytes % QedGeometry.SectorBytes != 0)
        {
            throw Refuse(name, $"{sizeBytes} bytes are no multiple of {QedGeometry.SectorBytes}, and an image with such a size cannot be opened; choose {RoundUp(sizeBytes)}");
        }

        QedGeometry present = header.Geometry;
        long largest = new QedGeometry(present.ClusterBits, QedGeometry.MaxTableBits).MaxVirtualSizeBytes;
        if (sizeBytes < 0 || sizeBytes > largest)
        {
            throw Refuse(name, $"{sizeBytes} bytes; allowed: 0 to {largest} with clusters of {present.ClusterBytes} bytes (and tables of {1 << QedGeometry.MaxTableBits} clusters)");
        }

        if (sizeBytes < header.VirtualSizeBytes && !mayShrink)
        {
            throw Refuse(name, $"{sizeBytes} bytes are less than the {header.VirtualSizeBytes} that the disk has: what lies beyond would be lost; if that is meant, ask for shrinking (mayShrink, or --shrink on the command line)");
        }

        if (sizeBytes <= present.MaxVirtualSizeBytes)
        {
            return present;
        }

        QedGeometry[] larger = [.. Enumerable.Range(present.TableBits + 1, QedGeometry.MaxTableBits - present.TableBits)
            .Select(bits => new QedGeometry(present.ClusterBits, bits))
            .Where(geometry => sizeBytes <= geometry.MaxVirtualSizeBytes)];
        int usable = Array.FindIndex(larger, geometry => geometry.IsUsableByQemu);
        return larger[Math.Max(usable, 0)];
    }

    private static long RoundUp(long sizeBytes) =>
        sizeBytes < 0 ? 0 : Math.Min(sizeBytes - (sizeBytes % QedGeometry.SectorBytes), QedGeometry.LargestVirtualSizeBytes - QedGeometry.SectorBytes) + QedGeometry.SectorBytes;

    private static ImageException Refuse(string name, string what) => new(ImageErrorKind.InvalidArgument, $"{name}: not resized: {what}.", name, "resize");
}
