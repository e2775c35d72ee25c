namespace QedVd.Host;

/// <summary>
/// Which files this process has open, and with what rights. Between two openers of one process it alone decides; it also tells whether
/// a holder that the system reports is ourselves. An opener that is lost without having been closed counts until it is collected, as long as the system holds its file open.
/// </summary>
internal static class LockRegistry
{
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<StorageIdentity, List<WeakReference<Entry>>> s_files = [];

    /// <summary>Enters an opener. Null and a conflict when another one of this process is in the way.</summary>
    public static Entry? TryAdd(StorageIdentity identity, LockRights rights, out LockConflict? conflict)
    {
        lock (s_gate)
        {
            List<WeakReference<Entry>> entries = s_files.TryGetValue(identity, out List<WeakReference<Entry>>? found) ? found : s_files[identity] = [];
            conflict = ConflictIn(entries, rights, except: null);
            if (conflict is not null)
            {
                return null;
            }

            var entry = new Entry(identity, rights);
            entries.Add(new WeakReference<Entry>(entry));
            return entry;
        }
    }

    /// <summary>Gives an opener other rights; a conflict leaves it with what it had.</summary>
    public static LockConflict? TryChange(Entry entry, LockRights rights)
    {
        lock (s_gate)
        {
            LockConflict? conflict = ConflictIn(s_files[entry.Identity], rights, except: entry);
            if (conflict is null)
            {
                entry.Rights = rights;
            }

            return conflict;
        }
    }

    public static void Remove(Entry entry)
    {
        lock (s_gate)
        {
            if (s_files.TryGetValue(entry.Identity, out List<WeakReference<Entry>>? entries))
            {
                entries.RemoveAll(other => !other.TryGetTarget(out Entry? alive) || alive == entry);
                if (entries.Count == 0)
                {
                    s_files.Remove(entry.Identity);
                }
            }
        }
    }

    private static LockConflict? ConflictIn(List<WeakReference<Entry>> entries, LockRights rights, Entry? except)
    {
        foreach (WeakReference<Entry> each in entries)
        {
            if (each.TryGetTarget(out Entry? other) && other != except && rights.ConflictWith(other.Rights) is { } conflict)
            {
                return conflict;
            }
        }

        return null;
    }

    /// <summary>One opener.</summary>
    internal sealed class Entry(StorageIdentity identity, LockRights rights)
    {
        public StorageIdentity Identity { get; } = identity;

        public LockRights Rights { get; set; } = rights;
    }
}
