namespace QedVd.Crashes.Tests.Images;

/// <summary>What lies beneath.</summary>
internal enum QedParents
{
    None,
    Shorter,
    Longer,
    ThreeLevels,
}
