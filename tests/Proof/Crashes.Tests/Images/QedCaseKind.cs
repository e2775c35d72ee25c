namespace QedVd.Crashes.Tests.Images;

/// <summary>What a case is about.</summary>
internal enum QedCaseKind
{
    /// <summary>One or two letters.</summary>
    Short,

    /// <summary>Three to six.</summary>
    Long,

    /// <summary>The disk outgrows its tables.</summary>
    Relocating,

    /// <summary>The image is damaged, and repaired.</summary>
    Repair,

    /// <summary>Requests that are under way at the same time.</summary>
    Together,
}
