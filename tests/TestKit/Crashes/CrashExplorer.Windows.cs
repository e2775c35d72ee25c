namespace QedVd.TestKit;

/// <content>Where on the disk is looked: at what the workload touched and its neighbours, byte by byte; at the rest through the map.</content>
public sealed partial class CrashExplorer
{
    private const int ProbeWriter = 0xFE00;

    private static (long Start, long End)[] WindowsOf(CrashRecording recording)
    {
        long block = Math.Max(recording.BlockBytes, SparseBytes.SectorBytes);
        if (block > 1 << 20 || block == SparseBytes.SectorBytes)
        {
            block = 4096;
        }

        List<(long Start, long End)> windows = [];
        foreach (long number in recording.History.Sectors.Select(sector => sector * SparseBytes.SectorBytes / block).Distinct().Order())
        {
            if (windows.Count > 0 && windows[^1].End >= number * block)
            {
                windows[^1] = (windows[^1].Start, (number + 1) * block);
            }
            else
            {
                windows.Add((number * block, (number + 1) * block));
            }
        }

        return [.. windows];
    }

    /// <summary>Blocks that no step has touched: one near the start, one in the middle, one near the end.</summary>
    private IEnumerable<long> FreshPlaces(IDiskImage image)
    {
        long block = Math.Max(image.Limits.BlockBytes, 4096);
        HashSet<long> taken = [];
        foreach ((long from, long step) in ((long, long)[])[(0, block), (image.VirtualSizeBytes / 2, block), (image.VirtualSizeBytes - block, -block)])
        {
            for (long offset = from - (from % block); offset >= 0 && offset + block <= image.VirtualSizeBytes; offset += step)
            {
                if (!Array.Exists(_windows, window => offset < window.End && offset + block > window.Start) && taken.Add(offset))
                {
                    yield return offset;
                    break;
                }
            }
        }
    }

    private static byte[] ProbeData(long offset, IDiskImage image)
    {
        byte[] data = new byte[Math.Max(image.Limits.BlockBytes, 4096)];
        SectorValue.Fill(data, ProbeWriter, offset / SparseBytes.SectorBytes);
        return data;
    }
}
