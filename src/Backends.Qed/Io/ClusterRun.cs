namespace QedVd.Backends.Qed;

/// <summary>Clusters of the disk, both ends included.</summary>
internal readonly record struct ClusterRun(long First, long Last);
