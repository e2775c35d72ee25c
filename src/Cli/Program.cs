using QedVd.Cli.CommandLine;

namespace QedVd.Cli;

internal static class Program
{
    private static int Main(string[] args) => VerbRunner.Run(args);
}
