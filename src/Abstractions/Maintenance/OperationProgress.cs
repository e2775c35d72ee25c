namespace QedVd;

/// <summary>How far an operation is.</summary>
/// <param name="DoneBytes">Work done, in bytes of whatever the operation goes through.</param>
/// <param name="TotalBytes">All of the work; may change while it is found out.</param>
/// <param name="Phase">What is being done, for people.</param>
public readonly record struct OperationProgress(long DoneBytes, long TotalBytes, string Phase);
