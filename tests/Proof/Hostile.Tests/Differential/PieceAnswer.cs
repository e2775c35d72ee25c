namespace QedVd.Hostile.Tests.Differential;

/// <summary>What QEMU reads of a piece, held against what we read.</summary>
internal enum PieceAnswer
{
    /// <summary>The same bytes, or an error as with us.</summary>
    Same = 0,

    /// <summary>Other bytes.</summary>
    Different = 1,

    /// <summary>An error where we read bytes.</summary>
    OnlyWeRead = 2,

    /// <summary>Bytes where we answer with an error.</summary>
    OnlyQemuReads = 3,
}
