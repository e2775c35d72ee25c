namespace QedVd.Hostile.Tests.Mutation;

/// <summary>What a cluster of the disk reads as. Of data a number that stands for the bytes; zeros are zeros, wherever they come from.</summary>
internal readonly record struct ClusterAnswer(ClusterAnswerKind Kind, ulong Hash = 0)
{
    public override string ToString() => Kind == ClusterAnswerKind.Data ? $"data {Hash:x16}" : Kind.ToString();
}

internal enum ClusterAnswerKind
{
    /// <summary>Nobody asked.</summary>
    Unasked = 0,
    Free = 1,
    Zero = 2,
    Data = 3,
    Failed = 4,
}
