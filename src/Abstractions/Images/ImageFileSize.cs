namespace QedVd;

/// <summary>What an image takes on the host, in bytes.</summary>
/// <param name="LengthBytes">The length of its file or files.</param>
/// <param name="AllocatedBytes">What they use on the volume; less than the length when there are holes.</param>
public readonly record struct ImageFileSize(long LengthBytes, long AllocatedBytes);
