namespace QedVd.Host;

/// <summary>
/// Which files had a barrier that failed, for as long as the process lives: the kernel marks the pages clean after it has told the error
/// once, so that a later handle would see nothing.
/// </summary>
internal static class FenceRegistry
{
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<FileMark, StorageFence> s_fences = [];

    public static StorageFence Remember(HostFile file, string message)
    {
        var fence = new StorageFence(message, TimeProvider.System.GetUtcNow());
        lock (s_gate)
        {
            s_fences[file.Mark] = fence;
        }

        return fence;
    }

    public static StorageFence? Find(HostFile file)
    {
        lock (s_gate)
        {
            return s_fences.GetValueOrDefault(file.Mark);
        }
    }

    public static void Forget(HostFile file)
    {
        lock (s_gate)
        {
            s_fences.Remove(file.Mark);
        }
    }
}
