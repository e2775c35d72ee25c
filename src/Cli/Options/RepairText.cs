using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Options;

/// <summary>What a repair may change (<c>-r</c>), by qemu-img's names.</summary>
internal static class RepairText
{
    public static RepairMode Parse(string? value) => value switch
    {
        null => RepairMode.None,
        "leaks" => RepairMode.Leaks,
        "all" => RepairMode.All,
        _ => throw new CliException($"-r: '{value}' is neither leaks nor all."),
    };

    public static string Name(RepairMode mode) => mode == RepairMode.Leaks ? "leaks" : "all";
}
