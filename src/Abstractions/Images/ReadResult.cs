namespace QedVd;

/// <summary>The answer of a read.</summary>
/// <param name="Kind">
/// <see cref="ExtentKind.Data"/>: the first <paramref name="Length"/> bytes of the buffer were filled. Otherwise the buffer was not touched:
/// <see cref="ExtentKind.Zero"/>: they are zero; <see cref="ExtentKind.Free"/>: look in the parent for them.
/// </param>
/// <param name="Length">Bytes handled, at least 1 (0 only for an empty buffer) and at most the buffer's length.</param>
public readonly record struct ReadResult(ExtentKind Kind, int Length);
