namespace QedVd;

/// <summary>How an image is open.</summary>
[Flags]
public enum ImageOpenFlags
{
    /// <summary>For reading and writing.</summary>
    None = 0,

    /// <summary>For reading; never writes a byte.</summary>
    ReadOnly = 1 << 0,

    /// <summary>For information only: nothing of the content will be asked for. Implies <see cref="ReadOnly"/>.</summary>
    Info = 1 << 1,

    /// <summary>Other openers that write are accepted; the caller answers for the outcome.</summary>
    Shareable = 1 << 2,

    /// <summary>Will be read in order.</summary>
    Sequential = 1 << 3,

    /// <summary>Do not check a flagged image while opening it for writing. Refused by backends that cannot write such an image safely.</summary>
    SkipConsistencyChecks = 1 << 4,

    /// <summary>Discard requests give room back; without this they are accepted and may do nothing.</summary>
    Discard = 1 << 5,

    /// <summary>Zeros are stored as such even where free space would read as zero.</summary>
    HonorZeroes = 1 << 6,

    /// <summary>The host writes data even when it equals what the chain reads already.</summary>
    HonorSame = 1 << 7,
}
