namespace QedVd.TestKit;

/// <summary>One image as a second reader of its format sees it, read-only.</summary>
public interface IPlainReading : IDisposable
{
    /// <summary>Size of the disk.</summary>
    long VirtualSizeBytes { get; }

    /// <summary>Whether the format's own mark says that a check is due: then nothing else counts before that.</summary>
    bool NeedsCheck { get; }

    /// <summary>What is wrong with the image, at most a few lines; empty when nothing is.</summary>
    IReadOnlyList<string> Errors { get; }

    /// <summary>Reads one sector that begins at <paramref name="offset"/>; fills <paramref name="sector"/> for <see cref="ExtentKind.Data"/> only.</summary>
    ExtentKind Read(long offset, Span<byte> sector);
}
