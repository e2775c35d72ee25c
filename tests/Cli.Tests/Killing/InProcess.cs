using System.Text;
using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Cli.CommandLine;
using QedVd.Cli.Output;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>The command line in this process: for the many runs that need no process of their own.</summary>
internal static class InProcess
{
    public static DiskHostOptions HostOptions() => new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>().AddBackend<RawBackend>();

    /// <summary>Runs a verb; an argument that begins with @ is the name of a file in the folder.</summary>
    public static Task<ToolRun> RunAsync(IEnumerable<string> arguments, string folder, Func<DiskHostOptions> hostOptions) => Task.Run(() =>
    {
        string[] full = [.. arguments.Select(argument => argument.StartsWith('@') ? Path.Combine(folder, argument[1..]) : argument)];
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        int code;
        using (var streams = new StandardStreams(output, error))
        {
            code = VerbRunner.Run(full, streams, hostOptions);
        }

        return new ToolRun(string.Join(' ', full), code, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    });
}
