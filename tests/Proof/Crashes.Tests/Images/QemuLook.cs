using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>QEMU's look at a state: its check finds nothing but leaks, and it reads what we read.</summary>
internal static class QemuLook
{
    // What reads as more no file system holds as one file: then there is only the check.
    private const ulong MostSizeBytes = 1UL << 40;

    /// <summary>Whether QEMU is there, and opens such images: not with tables of one cluster.</summary>
    public static bool CanOpen(QedLayout layout) => layout.TableClusters > 1 && Peers.Find("qemu-img") is not null;

    public static string? Take(CrashLook look)
    {
        string folder = Directory.CreateTempSubdirectory("qedvd-crash-").FullName;
        try
        {
            string image = Path.Combine(folder, "image.qed");
            look.File.SaveTo(image);
            SaveParent(look.Subject.Parents, Path.Combine(folder, "parent.raw"));
            ToolRun check = Run(folder, "check", "-f", "qed", image);
            if (check.ExitCode is not (0 or 3))
            {
                return $"qemu-img check ended with {check.ExitCode}: {check.Output}{check.Error}";
            }

            if (BinaryPrimitives.ReadUInt64LittleEndian(look.File.ReadBytes(48, 8)) > MostSizeBytes)
            {
                return null;
            }

            string copy = Path.Combine(folder, "copy.raw");
            ToolRun convert = Run(folder, "convert", "-f", "qed", "-O", "raw", image, copy);
            return convert.ExitCode == 0 ? Compare(look, copy) : $"qemu-img convert ended with {convert.ExitCode}: {convert.Error}";
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ToolRun Run(string folder, params string[] arguments)
    {
        Task<ToolRun> run = ToolRun.RunAsync(Peers.Require("qemu-img"), arguments, folder);
        SyncIo.Block(run);
        return run.GetAwaiter().GetResult();
    }

    private static string? Compare(CrashLook look, string path)
    {
        using FileStream copy = File.OpenRead(path);
        byte[] sector = new byte[SparseBytes.SectorBytes];
        foreach ((long number, ulong value) in look.Seen)
        {
            copy.Position = number * SparseBytes.SectorBytes;
            copy.ReadExactly(sector);
            if (SectorValue.Of(sector) != value)
            {
                return $"sector {number} is {SectorValue.Describe(SectorValue.Of(sector))} for QEMU, {SectorValue.Describe(value)} for us";
            }
        }

        return null;
    }

    private static void SaveParent(ParentLevels parents, string path)
    {
        using FileStream file = File.Create(path);
        file.SetLength(parents.LengthBytes);
        byte[] sector = new byte[SparseBytes.SectorBytes];
        foreach ((long start, long end) in parents.HeldRuns)
        {
            for (long offset = start; offset < end; offset += SparseBytes.SectorBytes)
            {
                parents.Read(offset, sector);
                file.Position = offset;
                file.Write(sector, 0, (int)Math.Min(sector.Length, parents.LengthBytes - offset));
            }
        }
    }
}
