using Spectre.Console;

namespace QedVd.Cli.Output;

/// <summary>
/// The drawing console, for terminals only: nothing in here is touched when the output is piped, so that its assembly is not even loaded.
/// </summary>
internal static class Terminal
{
    public static IAnsiConsole ForOutput() => Create(Console.Out);

    public static IAnsiConsole ForError() => Create(Console.Error);

    private static IAnsiConsole Create(TextWriter writer)
    {
        bool colour = StandardStreams.AllowsColour;
        return AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            ColorSystem = colour ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Ansi = Environment.GetEnvironmentVariable("TERM") == "dumb" ? AnsiSupport.No : AnsiSupport.Detect,
        });
    }
}
