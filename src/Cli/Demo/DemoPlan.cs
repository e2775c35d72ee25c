using System.Text;
using QedVd.Host;

namespace QedVd.Cli.Demo;

/// <summary>Where the demo writes, chosen so that each way of writing happens: into free space, into a part of a cluster that the original holds, over an earlier write.</summary>
internal sealed class DemoPlan
{
    private const int FreshBytes = 12 << 10;
    private const int PatchBytes = 1 << 10;
    private const int AlignmentBytes = 512;
    private const int OverlayClusterBytes = 64 << 10;

    private DemoPlan()
    {
    }

    /// <summary>In the first overlay: into space that is free in the original, where there is any.</summary>
    public required DemoRange Fresh { get; init; }

    /// <summary>In the first overlay: a part of a cluster whose rest must come from the original.</summary>
    public required DemoRange Patch { get; init; }

    /// <summary>In the second overlay: the second half of <see cref="Fresh"/> again.</summary>
    public required DemoRange Again { get; init; }

    /// <summary>In the second overlay: zeros over a whole cluster of the original's last data.</summary>
    public required DemoRange Zeros { get; init; }

    /// <summary>The original's runs of data, the first of them, to compare with.</summary>
    public required IReadOnlyList<DemoRange> Data { get; init; }

    public static async Task<DemoPlan> MakeAsync(VirtualDisk original, CancellationToken cancellation)
    {
        const int MaxRuns = 1000;
        long size = original.LengthBytes;
        List<DemoRange> data = [];
        long free = size / 4;
        long longestFree = 0;
        int runs = 0;
        await foreach (DiskExtent extent in original.MapAllAsync(0, size, cancellation))
        {
            if (extent.Kind == ExtentKind.Data)
            {
                data.Add(new DemoRange(extent.OffsetBytes, extent.LengthBytes));
            }
            else if (extent.LengthBytes > longestFree)
            {
                longestFree = extent.LengthBytes;
                free = extent.OffsetBytes + (extent.LengthBytes / 2);
            }

            if (++runs == MaxRuns)
            {
                break;
            }
        }

        DemoRange fresh = Range(free, FreshBytes, size);
        long patch = data.Count > 0 ? data[0].Offset + Math.Min(2 * AlignmentBytes, data[0].Length / 2) : size / 2;
        long zeros = (data.Count > 1 ? data[^1].Offset : 0) / OverlayClusterBytes * OverlayClusterBytes;
        return new DemoPlan
        {
            Fresh = fresh,
            Patch = Range(patch, PatchBytes, size),
            Again = Range(fresh.Offset + (fresh.Length / 2), fresh.Length / 2, size),
            Zeros = Range(zeros, OverlayClusterBytes, size),
            Data = data,
        };
    }

    /// <summary>Recognisable bytes: a text again and again.</summary>
    public static byte[] Text(string text, long length)
    {
        byte[] line = Encoding.ASCII.GetBytes($"{text}\n");
        byte[] bytes = new byte[length];
        for (int at = 0; at < bytes.Length; at += line.Length)
        {
            line.AsSpan(0, Math.Min(line.Length, bytes.Length - at)).CopyTo(bytes.AsSpan(at));
        }

        return bytes;
    }

    private static DemoRange Range(long offset, long length, long size)
    {
        offset = Math.Max(0, Math.Min(offset, size - 1)) / AlignmentBytes * AlignmentBytes;
        return new DemoRange(offset, Math.Max(0, Math.Min(length, size - offset)));
    }
}
