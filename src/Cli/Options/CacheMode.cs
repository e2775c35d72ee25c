using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Options;

/// <summary>qemu-img's cache modes (<c>-t</c>) in terms of ours.</summary>
internal static class CacheMode
{
    public const string Names = "none, writeback, writethrough, directsync, unsafe";

    /// <summary>The mode, and what of the name cannot be had here; null if nothing.</summary>
    public static (ConsistencyMode Mode, string? NotHonoured) Parse(string? name) => name switch
    {
        null or "writeback" => (ConsistencyMode.Ordered, null),
        "none" => (ConsistencyMode.Ordered, "-t none: the host's page cache is not bypassed here; this is writeback."),
        "writethrough" => (ConsistencyMode.WriteThrough, null),
        "directsync" => (ConsistencyMode.WriteThrough, "-t directsync: the host's page cache is not bypassed here; this is writethrough."),
        "unsafe" => (ConsistencyMode.Unsafe, null),
        _ => throw new CliException($"-t: '{name}' is no cache mode. They are {Names}."),
    };
}
