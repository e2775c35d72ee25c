namespace QedVd;

/// <summary>What a crash may cost. An image without such a choice takes <see cref="Ordered"/>.</summary>
public enum ConsistencyMode
{
    /// <summary>Sound at every instant; a killed process or a power cut loses at most unflushed writes.</summary>
    Ordered = 0,

    /// <summary>Fewer barriers: the image is marked while in use, and a power cut costs a check.</summary>
    Lazy = 1,

    /// <summary>Every write is durable when it returns.</summary>
    WriteThrough = 2,

    /// <summary>No barriers at all: for work that can be thrown away.</summary>
    Unsafe = 3,
}
