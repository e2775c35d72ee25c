namespace QedVd.Host;

/// <summary>What a filter does to the bytes that pass it, so that the disk can answer truly above it.</summary>
[Flags]
public enum FilterTraits
{
    /// <summary>The guest reads what lies beneath, and the filter remembers nothing of it: it delays, counts, refuses.</summary>
    None = 0,

    /// <summary>The guest reads other bytes than lie beneath (encryption). Maps then name no place in a file.</summary>
    ChangesContent = 1 << 0,

    /// <summary>
    /// With <see cref="ChangesContent"/>: what reads zero beneath reads zero above, so that zero requests, discards and holes pass. Without it, everything is
    /// data in maps, zero requests are written as data, and discards do nothing.
    /// </summary>
    KeepsZeroes = 1 << 1,

    /// <summary>The filter answers from what it remembers (a cache), so that it must see every write.</summary>
    RemembersContent = 1 << 2,
}
