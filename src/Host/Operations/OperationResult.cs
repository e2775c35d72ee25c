namespace QedVd.Host;

/// <summary>What an operation that copies did.</summary>
/// <param name="DiskBytes">Size of the disk gone through.</param>
/// <param name="CopiedBytes">Bytes read and written.</param>
/// <param name="SkippedBytes">Bytes that read as zero and were left out.</param>
public readonly record struct OperationResult(long DiskBytes, long CopiedBytes, long SkippedBytes);
