using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Options;

/// <summary>How a verb prints its result (<c>--output</c>).</summary>
internal static class OutputForm
{
    public static bool IsJson(string? value) => value switch
    {
        null or "human" => false,
        "json" => true,
        _ => throw new CliException($"--output: '{value}' is neither human nor json."),
    };
}
