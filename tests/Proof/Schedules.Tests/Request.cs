namespace QedVd.Schedules.Tests;

/// <summary>What a guest is going to ask for.</summary>
internal sealed record Request(RequestKind Kind, long Offset, int LengthBytes, bool IsCancelled)
{
    public override string ToString() => $"{Kind} {Offset}+{LengthBytes}";
}
