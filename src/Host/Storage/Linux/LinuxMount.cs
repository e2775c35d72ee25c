namespace QedVd.Host;

/// <summary>
/// What was found out about a mount, for as long as a file on it is open: until then it cannot go, and its number be given to no other. A chain of many
/// files asks once.
/// </summary>
internal sealed class LinuxMount
{
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<ulong, LinuxMount> s_mounts = [];

    private readonly ulong _number;
    private int _files;

    private LinuxMount(ulong number) => _number = number;

    /// <summary>Whether what was never written reads as zero after a crash; null until somebody has found out.</summary>
    public bool? ReadsZero { get; set; }

    /// <summary>Counts a file that is open. Paired with <see cref="Exit"/>.</summary>
    public static LinuxMount Enter(ulong number)
    {
        lock (s_lock)
        {
            if (!s_mounts.TryGetValue(number, out LinuxMount? mount))
            {
                s_mounts.Add(number, mount = new LinuxMount(number));
            }

            mount._files++;
            return mount;
        }
    }

    /// <summary>The file is about to be closed.</summary>
    public void Exit()
    {
        lock (s_lock)
        {
            if (--_files == 0)
            {
                s_mounts.Remove(_number);
            }
        }
    }
}
