namespace QedVd.ChainKit;

/// <summary>A guest that asks one thing after the other, and knows what it must read.</summary>
public static class Guest
{
    /// <summary>Carries changes out on the disk and on the bytes that say what it must read; synchronously and asynchronously in turns.</summary>
    public static async Task ApplyAsync(VirtualDisk disk, GuestBytes view, IEnumerable<GuestChange> changes)
    {
        foreach (GuestChange change in changes)
        {
            await ApplyAsync(disk, view, change).ConfigureAwait(false);
        }
    }

    private static async Task ApplyAsync(VirtualDisk disk, GuestBytes view, GuestChange change)
    {
        bool isAsync = (change.Pattern & 1) == 0;
        WriteFlags flags = change.Kind == GuestChangeKind.ZeroUnmap ? WriteFlags.MayUnmap : WriteFlags.None;
        switch (change.Kind)
        {
            case GuestChangeKind.Data:
                byte[] data = GuestPattern.Make(change.Offset, change.LengthBytes, change.Pattern);
                view.Write(change.Offset, data);
                if (isAsync)
                {
                    await disk.WriteAsync(change.Offset, data).ConfigureAwait(false);
                }
                else
                {
                    disk.Write(change.Offset, data);
                }

                break;
            case GuestChangeKind.Discard:
                if (isAsync)
                {
                    await disk.DiscardAsync(change.Offset, change.LengthBytes).ConfigureAwait(false);
                }
                else
                {
                    disk.Discard(change.Offset, change.LengthBytes);
                }

                await AdoptAsync(disk, view, change).ConfigureAwait(false);
                break;
            default:
                view.Zero(change.Offset, change.LengthBytes);
                if (isAsync)
                {
                    await disk.WriteZeroesAsync(change.Offset, change.LengthBytes, flags).ConfigureAwait(false);
                }
                else
                {
                    disk.WriteZeroes(change.Offset, change.LengthBytes, flags);
                }

                break;
        }
    }

    /// <summary>After a discard each byte is what it was, or zero, and stays that.</summary>
    private static async Task AdoptAsync(VirtualDisk disk, GuestBytes view, GuestChange change)
    {
        byte[] before = new byte[change.LengthBytes];
        byte[] now = new byte[change.LengthBytes];
        view.Read(change.Offset, before);
        await disk.ReadAsync(change.Offset, now).ConfigureAwait(false);
        for (int i = 0; i < now.Length; i++)
        {
            Assert.True(now[i] == before[i] || now[i] == 0, $"byte {change.Offset + i} of {disk.Path} was {before[i]:x2}, was discarded, and is {now[i]:x2}");
        }

        view.Write(change.Offset, now);
    }
}
