using QedVd.ChainKit;
using QedVd.Host;

namespace QedVd.Cli.Tests.Killing;

/// <summary>Some writes of whole sectors and a flush, or writes that are durable when they return. The same seed draws the same ones in every process.</summary>
internal sealed record WriterRound(IReadOnlyList<(long Offset, int LengthBytes, long Pattern, bool IsZero)> Writes, bool EndsWithFlush)
{
    public const int SectorBytes = 512;

    private const int MostSectors = 12;

    public static IEnumerable<WriterRound> Draw(int seed, long diskBytes)
    {
        var random = new Random(seed);
        int sectors = (int)(diskBytes / SectorBytes);
        for (int round = 0; ; round++)
        {
            List<(long, int, long, bool)> writes = [];
            for (int count = random.Next(1, 5); count > 0; count--)
            {
                int first = random.Next(sectors);
                writes.Add((first * (long)SectorBytes, random.Next(1, Math.Min(MostSectors, sectors - first) + 1) * SectorBytes, random.NextInt64(), random.Next(5) == 0));
            }

            yield return new WriterRound(writes, random.Next(4) > 0);
        }
    }

    /// <summary>Writes to the disk; returns when all of it is acknowledged as durable.</summary>
    public void Run(VirtualDisk disk)
    {
        for (int i = 0; i < Writes.Count; i++)
        {
            (long offset, int lengthBytes, long pattern, bool isZero) = Writes[i];
            WriteFlags flags = EndsWithFlush ? WriteFlags.None : WriteFlags.ForceUnitAccess;
            if (isZero)
            {
                disk.WriteZeroes(offset, lengthBytes, flags);
            }
            else
            {
                disk.Write(offset, GuestPattern.Make(offset, lengthBytes, pattern), flags);
            }
        }

        if (EndsWithFlush)
        {
            disk.Flush();
        }
    }

    /// <summary>The same in a model.</summary>
    public void Apply(GuestBytes view)
    {
        foreach ((long offset, int lengthBytes, long pattern, bool isZero) in Writes)
        {
            view.Write(offset, isZero ? new byte[lengthBytes] : GuestPattern.Make(offset, lengthBytes, pattern));
        }
    }

    /// <summary>The same, with what is there after each write.</summary>
    public IEnumerable<GuestBytes> Steps(GuestBytes before)
    {
        GuestBytes view = before.Clone();
        foreach ((long offset, int lengthBytes, long pattern, bool isZero) in Writes)
        {
            view.Write(offset, isZero ? new byte[lengthBytes] : GuestPattern.Make(offset, lengthBytes, pattern));
            yield return view.Clone();
        }
    }
}
