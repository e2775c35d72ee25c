using System.CommandLine;

namespace QedVd.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        var root = new RootCommand("Virtual disks: images, chains, and operations on them.");
        return root.Parse(args).Invoke();
    }
}
