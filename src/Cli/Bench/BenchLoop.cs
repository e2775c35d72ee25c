using System.Diagnostics;
using QedVd.Host;

namespace QedVd.Cli.Bench;

/// <summary>One request at a time, on the calling thread.</summary>
internal static class BenchLoop
{
    /// <summary>Returns the time that it took, in ticks of <see cref="Stopwatch"/>.</summary>
    public static long Run(VirtualDisk disk, BenchPlan plan, CancellationToken cancellation)
    {
        byte[] buffer = new byte[plan.RequestBytes];
        buffer.AsSpan().Fill(plan.Pattern);
        long diskBytes = disk.LengthBytes;
        long start = Stopwatch.GetTimestamp();
        if (plan.IsWrite)
        {
            Write(disk, plan, buffer, diskBytes, cancellation);
        }
        else
        {
            Read(disk, plan, buffer, diskBytes, cancellation);
        }

        return Stopwatch.GetTimestamp() - start;
    }

    private static void Read(VirtualDisk disk, BenchPlan plan, Span<byte> buffer, long diskBytes, CancellationToken cancellation)
    {
        long offset = plan.StartOffset;
        for (int issued = 0; issued < plan.Count; issued++)
        {
            disk.Read(offset, buffer);
            offset = plan.Next(offset, diskBytes);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private static void Write(VirtualDisk disk, BenchPlan plan, ReadOnlySpan<byte> buffer, long diskBytes, CancellationToken cancellation)
    {
        long offset = plan.StartOffset;
        for (int issued = 1; issued <= plan.Count; issued++)
        {
            disk.Write(offset, buffer);
            offset = plan.Next(offset, diskBytes);
            if (plan.IsFlushDue(issued))
            {
                disk.Flush();
            }

            cancellation.ThrowIfCancellationRequested();
        }
    }
}
