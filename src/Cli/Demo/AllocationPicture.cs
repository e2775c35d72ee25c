using QedVd.Host;

namespace QedVd.Cli.Demo;

/// <summary>What one level holds of the disk, a character for each part of it.</summary>
internal static class AllocationPicture
{
    private const char Data = '#';
    private const char Zero = 'z';
    private const char Free = '.';

    /// <summary>What the characters mean.</summary>
    public const string Legend = "# data, z zeros that hide what lies beneath, . nothing: the level beneath decides";

    /// <summary>The cells of one image alone, whatever lies beneath it; cells beyond its end are blank.</summary>
    public static string OfImage(IDiskImage image, long diskBytes, int cells, CancellationToken cancellation) =>
        Draw(diskBytes, cells, (offset, length) =>
        {
            if (offset >= image.VirtualSizeBytes)
            {
                return new Run(' ', 0, length);
            }

            Extent extent = image.Map(offset, Math.Min(length, image.VirtualSizeBytes - offset));
            return extent.Kind switch
            {
                ExtentKind.Data => new Run(Data, Run.DataRank, extent.LengthBytes),
                ExtentKind.Zero => new Run(Zero, 2, extent.LengthBytes),
                _ => new Run(Free, 1, extent.LengthBytes),
            };
        }, cancellation);

    /// <summary>The cells of the whole disk: the number of the level that its data comes from.</summary>
    public static string OfDisk(VirtualDisk disk, int cells, CancellationToken cancellation) =>
        Draw(disk.LengthBytes, cells, (offset, length) =>
        {
            DiskExtent extent = disk.Map(offset, length);
            return extent.Kind == ExtentKind.Data ? new Run(LevelName(extent.Depth), Run.DataRank, extent.LengthBytes) : new Run(Free, 1, extent.LengthBytes);
        }, cancellation);

    public static char LevelName(int depth) => depth < 10 ? (char)('0' + depth) : '+';

    private static string Draw(long diskBytes, int cells, Func<long, long, Run> map, CancellationToken cancellation)
    {
        char[] picture = new char[cells];
        for (int cell = 0; cell < cells; cell++)
        {
            cancellation.ThrowIfCancellationRequested();
            long start = (long)((Int128)diskBytes * cell / cells);
            long end = (long)((Int128)diskBytes * (cell + 1) / cells);
            var strongest = new Run(' ', 0, 0);
            while (start < end && strongest.Rank < Run.DataRank)
            {
                Run run = map(start, end - start);
                strongest = run.Rank > strongest.Rank ? run : strongest;
                start += run.Length;
            }

            picture[cell] = strongest.Mark;
        }

        return new string(picture);
    }

    /// <summary>A run of one kind. A cell shows the one of the highest rank in it.</summary>
    private readonly record struct Run(char Mark, int Rank, long Length)
    {
        public const int DataRank = 3;
    }
}
