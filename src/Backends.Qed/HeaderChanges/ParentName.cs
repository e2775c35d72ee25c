namespace QedVd.Backends.Qed;

/// <summary>The rules for a parent's name, and where in the header area another one finds room.</summary>
internal static class ParentName
{
    /// <summary>Refuses a name that no image may have.</summary>
    /// <param name="parentName">The bytes as they would be stored.</param>
    /// <param name="name">The image, for messages.</param>
    /// <param name="operation">What is being done.</param>
    public static void Check(ReadOnlySpan<byte> parentName, string name, string operation)
    {
        if (parentName.Length is 0 or > QedHeader.MaxBackingNameBytes)
        {
            throw Refuse(name, operation, $"the parent's name has {parentName.Length} bytes; allowed: 1 to {QedHeader.MaxBackingNameBytes}");
        }

        if (parentName.Contains((byte)0))
        {
            throw Refuse(name, operation, "the parent's name holds a NUL, which no file name may");
        }
    }

    /// <summary>
    /// Where a new name can be written while the old one stays whole: behind the header, where everybody puts it, if that is free; else elsewhere in the
    /// header area; else where both overlap in bytes that are the same. Null when there is no such place.
    /// </summary>
    /// <param name="areaBytes">The header area.</param>
    /// <param name="oldOffset">Where the old name is.</param>
    /// <param name="oldName">The old name, which a crash must find; empty when there is none.</param>
    /// <param name="newName">The new one.</param>
    public static long? FindPlace(long areaBytes, long oldOffset, ReadOnlySpan<byte> oldName, ReadOnlySpan<byte> newName)
    {
        // The header has 32 bits for the place.
        long last = Math.Min(areaBytes, uint.MaxValue) - newName.Length;
        ReadOnlySpan<long> apart = [QedHeader.SizeBytes, Math.Max(QedHeader.SizeBytes, oldOffset + oldName.Length), oldOffset - newName.Length];
        foreach (long place in apart)
        {
            if (place >= QedHeader.SizeBytes && place <= last && CanShare(place, newName, oldOffset, oldName))
            {
                return place;
            }
        }

        for (long place = Math.Max(QedHeader.SizeBytes, oldOffset - newName.Length); place <= Math.Min(last, oldOffset + oldName.Length); place++)
        {
            if (CanShare(place, newName, oldOffset, oldName))
            {
                return place;
            }
        }

        return null;
    }

    public static ImageException Refuse(string name, string operation, string what) =>
        new(ImageErrorKind.InvalidArgument, $"{name}: {what}.", name, operation);

    /// <summary>Whether writing the new name leaves every byte of the old one as it is.</summary>
    private static bool CanShare(long place, ReadOnlySpan<byte> newName, long oldOffset, ReadOnlySpan<byte> oldName)
    {
        long start = Math.Max(place, oldOffset);
        long end = Math.Min(place + newName.Length, oldOffset + oldName.Length);
        return start >= end
            || newName[(int)(start - place)..(int)(end - place)].SequenceEqual(oldName[(int)(start - oldOffset)..(int)(end - oldOffset)]);
    }
}
