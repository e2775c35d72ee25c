namespace QedVd.Crashes.Tests.Images.Brittle;

/// <summary>Checks an image, and clears what leads nowhere.</summary>
internal static class BrittleCheck
{
    public static CheckReport Run(IImageStorage storage, RepairMode repair, BrokenRule broken)
    {
        bool isMarked = BrittleBackend.Number(storage, 8) != 0;
        bool takesMark = isMarked && repair == RepairMode.All && broken != BrokenRule.MarkAfterRecovery;
        if (takesMark && broken == BrokenRule.MarkDuringRecovery)
        {
            storage.Write(8, new byte[sizeof(long)]);
            storage.Barrier();
        }

        (long corruptions, long leaks) = Walk(storage, repair == RepairMode.All);
        if (repair == RepairMode.All)
        {
            storage.Barrier();
            corruptions = 0;
        }

        if (takesMark)
        {
            storage.Write(8, new byte[sizeof(long)]);
            storage.Barrier();
            isMarked = false;
        }

        if (repair != RepairMode.None)
        {
            leaks = Reclaim(storage);
        }

        return new CheckReport { Corruptions = corruptions, Leaks = leaks, NeedsCheck = isMarked };
    }

    /// <summary>Every block that is referred to, tables before what they name.</summary>
    public static IEnumerable<(long Entry, long Block, bool IsTable)> References(IImageStorage storage)
    {
        for (int table = 0; table < BrittleBackend.Entries; table++)
        {
            long entry = BrittleBackend.L1Offset + (table * sizeof(long));
            long l2 = BrittleBackend.Number(storage, entry);
            if (l2 == 0)
            {
                continue;
            }

            yield return (entry, l2, true);
            for (int i = 0; i < BrittleBackend.Entries && IsInside(storage, l2) && BrittleBackend.Number(storage, entry) == l2; i++)
            {
                if (BrittleBackend.Number(storage, l2 + (i * sizeof(long))) is not 0 and var block)
                {
                    yield return (l2 + (i * sizeof(long)), block, false);
                }
            }
        }
    }

    private static bool IsInside(IImageStorage storage, long block) =>
        block >= 2 * BrittleBackend.BlockBytes && block % BrittleBackend.BlockBytes == 0 && block <= storage.GetLength() - BrittleBackend.BlockBytes;

    private static (long Corruptions, long Leaks) Walk(IImageStorage storage, bool clears)
    {
        HashSet<long> used = [];
        long corruptions = 0;
        foreach ((long entry, long block, bool _) in References(storage))
        {
            if (!IsInside(storage, block) || !used.Add(block))
            {
                corruptions++;
                if (clears)
                {
                    storage.Write(entry, new byte[sizeof(long)]);
                }
            }
        }

        return (corruptions, (storage.GetLength() / BrittleBackend.BlockBytes) - 2 - used.Count);
    }

    // What cannot be cut off is zeroed and counted as room: this format keeps no list of it.
    private static long Reclaim(IImageStorage storage)
    {
        long end = References(storage).Select(reference => reference.Block).DefaultIfEmpty(BrittleBackend.L1Offset).Max() + BrittleBackend.BlockBytes;
        storage.SetLength(end);
        storage.Barrier();
        return 0;
    }
}
