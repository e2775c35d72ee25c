namespace QedVd.Host;

/// <summary>How an attempt to lock a file ended.</summary>
/// <param name="Conflict">Who was in the way; null when nobody was.</param>
/// <param name="Unavailable">Why there are no locks here; null when there are.</param>
internal readonly record struct LockOutcome(LockConflict? Conflict, string? Unavailable)
{
    public static LockOutcome Held => default;
}
