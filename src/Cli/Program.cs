using System.Runtime.ExceptionServices;
using QedVd.Cli.CommandLine;

namespace QedVd.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        ExceptionHandling.SetUnhandledExceptionHandler(StrayFault.Handle);
        return StrayFault.ExitCodeFor(VerbRunner.Run(args));
    }
}
