namespace QedVd;

/// <summary>A barrier that failed earlier in this process on the same file, under this or another opener.</summary>
/// <param name="Message">What failed, for people.</param>
/// <param name="TimestampUtc">When.</param>
public sealed record StorageFence(string Message, DateTimeOffset TimestampUtc);
