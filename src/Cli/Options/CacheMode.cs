using System.CommandLine;
using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Options;

/// <summary>qemu-img's cache modes (<c>-t</c>) in terms of ours.</summary>
internal static class CacheMode
{
    public const string Names = "none, writeback, writethrough, directsync, unsafe";

    /// <summary>Adds <c>-t</c>.</summary>
    public static Option<string?> AddTo(Command command)
    {
        var cache = new Option<string?>("--cache", "-t") { HelpName = "MODE", Description = $"What a crash may cost: {Names}.", Arity = ArgumentArity.ExactlyOne };
        command.Add(cache);
        return cache;
    }

    /// <summary>The mode that was given; says what of it cannot be had.</summary>
    public static ConsistencyMode Read(VerbRun run, Option<string?> option)
    {
        (ConsistencyMode mode, string? notHonoured) = Parse(run.Get(option));
        if (notHonoured is not null)
        {
            run.Note(notHonoured);
        }

        return mode;
    }

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
