namespace QedVd.Cli.CommandLine;

/// <summary>What can be said in two ways, as qemu-img has it, must not be said twice.</summary>
internal static class OptionOnce
{
    public static string? Of(string what, string firstName, string? first, string secondName, string? second) =>
        first is not null && second is not null
            ? throw new CliException($"{what} is given twice, as {firstName} and as {secondName}.")
            : first ?? second;
}
