namespace QedVd;

/// <summary>
/// The one exception of this contract. <see cref="Exception.Message"/> is complete for a person: it names the file, the
/// field and the values, and what to do next; the properties carry the same for a program.
/// </summary>
/// <remarks>Programming errors (null, a disposed object, an argument out of the documented range) stay the framework's own exceptions.</remarks>
public sealed class ImageException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="kind">What went wrong.</param>
    /// <param name="message">The complete message, one line, without control characters.</param>
    /// <param name="path">The file concerned, if any.</param>
    /// <param name="operation">The operation that failed, a verb ("open", "read", "barrier").</param>
    /// <param name="offsetBytes">The byte offset concerned (in the file for storage and tables, on the disk for guest requests).</param>
    /// <param name="innerException">The cause.</param>
    public ImageException(
        ImageErrorKind kind,
        string message,
        string? path = null,
        string? operation = null,
        long? offsetBytes = null,
        Exception? innerException = null)
        : base(message, innerException)
    {
        Kind = kind;
        Path = path;
        Operation = operation;
        OffsetBytes = offsetBytes;
    }

    /// <summary>What went wrong.</summary>
    public ImageErrorKind Kind { get; }

    /// <summary>The file concerned, if any.</summary>
    public string? Path { get; }

    /// <summary>The operation that failed, if known.</summary>
    public string? Operation { get; }

    /// <summary>The byte offset concerned, if any.</summary>
    public long? OffsetBytes { get; }

    /// <summary>Whether the same call may succeed later, unchanged, once room was made or the other opener has left.</summary>
    public bool IsRetryable => Kind is ImageErrorKind.OutOfSpace or ImageErrorKind.InUse;

    /// <summary>The one answer of everything optional that an image, a backend or a storage does not have.</summary>
    /// <param name="operation">What was asked for.</param>
    /// <param name="path">The file concerned, if any.</param>
    public static ImageException NotSupported(string operation, string? path = null) =>
        new(ImageErrorKind.NotSupported, path is null ? $"{operation} is not supported here." : $"{path}: {operation} is not supported here.", path, operation);
}
