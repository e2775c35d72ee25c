namespace QedVd.Backends.Qed;

/// <summary>A run that one request has claimed; see <see cref="RunClaims"/>.</summary>
internal sealed class RunClaim
{
    public long First { get; set; }

    public long Last { get; set; }

    /// <summary>Completed when the claim ends; null while nobody waits.</summary>
    public TaskCompletionSource? Waiters { get; set; }
}
