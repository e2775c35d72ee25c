using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace QedVd.Host;

/// <summary>What the file system of a file promises. <see cref="LinuxMount"/>: what remembers a part of it while the file is open; given back by the file.</summary>
internal sealed unsafe record LinuxVolume(StorageFacts Facts, bool DataFlushCoversLength, LinuxMount? Mount = null)
{
    private const uint MaskMountId = 0x1000;
    private const long MagicExt = 0xEF53;
    private const long MagicXfs = 0x58465342;
    private const long MagicBtrfs = 0x9123683E;
    private const long MagicTmpfs = 0x01021994;
    private const long MagicOverlay = 0x794C7630;
    private const long MagicF2fs = 0xF2F52010;
    private const StorageFacts Local = StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles | StorageFacts.CanCopyRange | StorageFacts.CanSetLength;

    /// <summary>The magic number of the file system that an open file lies on.</summary>
    public static long MagicOf(SafeFileHandle file)
    {
        // struct statfs has 120 bytes; the type comes first.
        long* result = stackalloc long[32];
        return LinuxNative.FStatFs(file, result) == 0 ? result[0] & 0xFFFFFFFF : 0;
    }

    public static LinuxVolume Of(SafeFileHandle file, in LinuxStatx stat, bool readOnly)
    {
        if (!stat.IsRegular)
        {
            return new LinuxVolume(StorageFacts.None, DataFlushCoversLength: true);
        }

        return MagicOf(file) switch
        {
            // ext2, ext3 and ext4 have one number.
            MagicExt => OfExt(stat),
            MagicXfs or MagicBtrfs => new LinuxVolume(Local | StorageFacts.NeverWrittenReadsZero | StorageFacts.CanShareBlocks, DataFlushCoversLength: true),

            // Memory: it reads zero, and a crash leaves no file that could show anything else.
            MagicTmpfs => new LinuxVolume(Local | StorageFacts.NeverWrittenReadsZero, DataFlushCoversLength: true),

            // The file system below an overlay can be any, and its path may not be visible from here: calls are passed through, no promise is.
            MagicOverlay => new LinuxVolume(!readOnly && CanPunch(file, stat) ? Local : Local & ~StorageFacts.CanPunchHoles, DataFlushCoversLength: false),
            MagicF2fs => new LinuxVolume(Local, DataFlushCoversLength: false),
            _ => new LinuxVolume(StorageFacts.CanSetLength | StorageFacts.CanCopyRange, DataFlushCoversLength: false),
        };
    }

    private static LinuxVolume OfExt(in LinuxStatx stat)
    {
        LinuxMount? mount = (stat.Mask & MaskMountId) == 0 ? null : LinuxMount.Enter(stat.MountId);
        bool readsZero = mount?.ReadsZero ?? ExtReadsZero(stat);
        if (mount is not null)
        {
            mount.ReadsZero = readsZero;
        }

        return new LinuxVolume(readsZero ? Local | StorageFacts.NeverWrittenReadsZero : Local, DataFlushCoversLength: true, mount);
    }

    /// <summary>Asks by punching where there is nothing: beyond the end, which stays where it is.</summary>
    private static bool CanPunch(SafeFileHandle file, in LinuxStatx stat)
    {
        const long Step = 1 << 20;
        long beyond = ((long)stat.SizeBytes / Step * Step) + Step;
        return LinuxNative.FAllocate(file, LinuxNative.FALLOC_FL_PUNCH_HOLE | LinuxNative.FALLOC_FL_KEEP_SIZE, beyond, Step) == 0;
    }

    /// <summary>
    /// ext4 zeroes what was never written, also after a crash, except with data=writeback, where a length or a block can be durable before the bytes.
    /// Without a journal that needs dioread_nolock (blocks stay "unwritten" until their bytes were). ext2 and ext3 promise nothing.
    /// </summary>
    private static bool ExtReadsZero(in LinuxStatx stat)
    {
        if (FindMount(stat) is not { } mount || mount.Type != "ext4" || mount.Options.Contains("data=writeback", StringComparison.Ordinal))
        {
            return false;
        }

        try
        {
            // All options in force, the ones that the superblock sets too; not always to be seen inside a container.
            string device = string.Create(CultureInfo.InvariantCulture, $"/sys/dev/block/{stat.DeviceMajor}:{stat.DeviceMinor}");
            if (Path.GetFileName(new DirectoryInfo(device).LinkTarget) is { } name && File.Exists($"/proc/fs/ext4/{name}/options"))
            {
                string[] options = File.ReadAllLines($"/proc/fs/ext4/{name}/options");
                return options.Contains("data=ordered") || options.Contains("data=journal")
                    || (options.Contains("dioread_nolock") && !options.Contains("data=writeback"));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Then the mount's own options have to do.
        }

        return true;
    }

    /// <summary>The mount of a file: by its number where the kernel tells it (5.8), else by the device.</summary>
    private static (string Type, string Options)? FindMount(in LinuxStatx stat)
    {
        bool byNumber = (stat.Mask & MaskMountId) != 0;
        string wanted = byNumber
            ? stat.MountId.ToString(CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"{stat.DeviceMajor}:{stat.DeviceMinor}");
        try
        {
            // "36 35 98:0 /root /mountpoint rw,noatime master:1 - ext4 /dev/root rw,data=writeback"
            foreach (string line in File.ReadLines("/proc/self/mountinfo"))
            {
                string[] fields = line.Split(' ');
                int separator = Array.IndexOf(fields, "-");
                if (separator > 5 && fields.Length > separator + 3 && fields[byNumber ? 0 : 2] == wanted)
                {
                    return (fields[separator + 1], fields[separator + 3]);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not known.
        }

        return null;
    }
}
