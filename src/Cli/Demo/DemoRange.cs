namespace QedVd.Cli.Demo;

/// <summary>A range of the disk, in bytes.</summary>
internal readonly record struct DemoRange(long Offset, long Length);
